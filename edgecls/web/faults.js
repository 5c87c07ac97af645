// Faults in words of the reader's language: what happened, and what to do. The server itself says it in English only.

import { hasText, text } from "./i18n.js";

export function faultTitle(fault) {
  const key = `error.${fault.type}`;
  return text(hasText(key) ? key : "error.other");
}

export function faultDetail(fault) {
  const key = `detail.${fault.type}`;
  return text(hasText(key) ? key : "detail.other", { type: fault.type, message: fault.message });
}
