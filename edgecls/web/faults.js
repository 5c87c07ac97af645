// Faults in words: what happened in the reader's language, and what the server says about it.

import { hasText, text } from "./i18n.js";

export function faultTitle(fault) {
  const key = `error.${fault.type}`;
  return text(hasText(key) ? key : "error.other");
}

export function faultDetail(fault) {
  const key = `detail.${fault.type}`;
  return hasText(key) ? text(key) : fault.message;
}
