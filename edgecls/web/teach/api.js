// What is asked of the server about teaching.

import { ask, query } from "../server.js";

export async function teachState() {
  return (await ask("teach", {})).json();
}

export async function change(path, values = {}) {
  return (await ask(`teach/${path}?${query(values)}`, { method: "POST" })).json();
}

export async function imagesOf(label) {
  return (await (await ask(`teach/images?${query({ label })}`, {})).json()).images;
}

export async function addImage(file, { label, batch, corrects }) {
  const path = `teach/images?${query({ label, batch, corrects, name: file.name })}`;
  return (await ask(path, { method: "POST", body: file })).json();
}

export async function compareOn(file, number) {
  const path = `teach/versions/${number}/try?${query({ name: file.name })}`;
  return (await ask(path, { method: "POST", body: file })).json();
}

export async function blobOf(path, values = {}) {
  return (await ask(`teach/${path}?${query(values)}`, {})).blob();
}

export async function download(path, name) {
  const address = URL.createObjectURL(await blobOf(path));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}
