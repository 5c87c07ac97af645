// The API key, where the server wants one: asked for once, kept for the visit.

import { text } from "./i18n.js";
import { recall, remember } from "./memory.js";

const KEPT_AS = "edgecls-key";

const dialog = document.querySelector("#key");
const input = document.querySelector("#key-input");
const note = document.querySelector("#key-note");
let key = recall("sessionStorage", KEPT_AS);
let asking = null;

export function keyHeaders() {
  return key ? { "X-API-Key": key } : {};
}

// Asks for another key than `refused`; resolves to whether there is one. Many requests may wait for one answer.
export function wantKey(refused) {
  if (key !== refused["X-API-Key"] && key) {
    return Promise.resolve(true); // it has been given meanwhile
  }
  asking ??= askForKey().finally(() => {
    asking = null;
  });
  return asking;
}

function askForKey() {
  note.textContent = key ? text("key_refused") : "";
  input.value = "";
  dialog.returnValue = "";
  dialog.showModal();
  input.focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(take(input.value.trim())), { once: true });
  });
}

function take(given) {
  input.value = "";
  if (dialog.returnValue !== "given" || !given) {
    return false;
  }
  key = given;
  remember("sessionStorage", KEPT_AS, key);
  return true;
}

document.querySelector("#key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  dialog.close("given");
});
