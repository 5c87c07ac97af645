// A client for /predict in JavaScript, for Node.js 18 or newer and for browsers, without packages.
//   node predict.mjs http://127.0.0.1:8000 photo.jpg [API-KEY]
// In a page: import { predict } from "./predict.mjs"; const answer = await predict(url, input.files[0]);
// Pages of other origins need: edgecls serve --cors-origin https://your.page

/** Return the answer for an image, a Blob, File or bytes: label, known, probability, top... (docs: /openapi.json). */
export async function predict(url, image, { name = image.name ?? "image", top = 5, key = "" } = {}) {
  const path = `predict/${encodeURIComponent(name)}?top=${top}`;
  const response = await fetch(new URL(path, url.endsWith("/") ? url : `${url}/`), {
    method: "POST",
    headers: { "Content-Type": "application/octet-stream", ...(key && { Authorization: `Bearer ${key}` }) },
    body: image,
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${response.status} ${answer.error.type}: ${answer.error.message}`);
  return answer;
}

if (globalThis.process?.argv[1]?.endsWith("predict.mjs")) {
  const [url, file, key] = process.argv.slice(2);
  try {
    const { readFile } = await import("node:fs/promises");
    const answer = await predict(url, await readFile(file), { name: file.split(/[\\/]/).pop(), key });
    console.log(`${answer.label} ${answer.probability.toFixed(4)}`);
  } catch (error) {
    console.error(error.cause?.message ?? error.message);
    process.exitCode = 1;
  }
}
