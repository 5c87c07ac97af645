// The model in this file, run by onnxruntime-web in the page.

import * as ort from "onnxruntime-web";
import { decoded } from "edgecls/offline/decode.js";

const INPUT = "image";
const PROBABILITIES = "probabilities";
const FAMILIARITY = "familiarity";
const ACTIVATION = "class_activation";

// What edgecls wrote into the file: the model's document, and what else is known of it.
export const facts = JSON.parse(document.querySelector("#edgecls-facts").textContent);

let session = null;
let last = Promise.resolve(); // runs wait for each other

// Opens the model; to be called once.
export async function open() {
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = await unpacked("edgecls-wasm");
  session = await ort.InferenceSession.create(await unpacked("edgecls-model"));
}

export function hasActivation() {
  return session.outputNames.includes(ACTIVATION);
}

// Runs the network on one image; `wanted`: names of further outputs.
// Returns {probabilities, familiarity, outputs, ms}, the second undefined where the model has none.
export async function run(input, wanted = []) {
  const { height, width, color } = facts.document.image;
  const tensor = new ort.Tensor("uint8", input, [1, height, width, color === "gray" ? 1 : 3]);
  const names = [PROBABILITIES, ...(session.outputNames.includes(FAMILIARITY) ? [FAMILIARITY] : []), ...wanted];
  let start = 0;
  const running = last.then(() => {
    start = performance.now();
    return session.run({ [INPUT]: tensor }, names);
  });
  last = running.catch(() => {});
  const outputs = await running;
  return {
    probabilities: [...outputs[PROBABILITIES].data],
    familiarity: outputs[FAMILIARITY]?.data[0],
    outputs,
    ms: performance.now() - start,
  };
}

// Runs the golden samples. Returns {count, tolerance, worst, passed}.
export async function verify() {
  const { tolerance, familiarity_tolerance: familiarTolerance, samples } = facts.document.golden;
  let worst = 0;
  let isAsFamiliar = true;
  for (const { png, probabilities, familiarity } of samples) {
    const { input, bitmap } = await decoded(new Blob([bytesOf(png)], { type: "image/png" }), facts.document.image);
    bitmap.close();
    const found = await run(input);
    worst = Math.max(worst, ...found.probabilities.map((value, index) => Math.abs(value - probabilities[index])));
    if (familiarity !== undefined && found.familiarity !== undefined) {
      isAsFamiliar &&= Math.abs(found.familiarity - familiarity) <= familiarTolerance;
    }
  }
  return { count: samples.length, tolerance, worst, passed: worst <= tolerance && isAsFamiliar };
}

// Unpacks a part of this file: base64 of gzip.
async function unpacked(id) {
  const element = document.getElementById(id);
  const packed = bytesOf(element.textContent);
  element.remove(); // tens of megabytes
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}
