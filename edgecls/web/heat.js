// The heat map of the image that is shown: asked for once, then switched on and off.

import { faultDetail } from "./faults.js";
import { text } from "./i18n.js";
import { explain } from "./server.js";

const button = document.querySelector("#heat-button");
const element = document.querySelector("#detail-heat");
const note = document.querySelector("#heat-note");
let image = null;
let asking = null;

export function offerHeat(shown) {
  forgetHeat();
  image = shown;
}

export function forgetHeat() {
  asking?.abort();
  asking = image = null;
  URL.revokeObjectURL(element.src);
  element.removeAttribute("src");
  show(false);
}

function show(isShown) {
  element.hidden = !isShown;
  button.setAttribute("aria-pressed", isShown);
  note.textContent = isShown ? text("heat_note", { label: image.answer.top[0].label }) : "";
}

async function fetchHeat() {
  const { file, answer } = image;
  const { signal } = (asking = new AbortController());
  const { label } = answer.top[0];
  note.textContent = text("heat_busy");
  try {
    const png = await explain(file, { label, model: answer.model, signal });
    if (!signal.aborted) {
      element.src = URL.createObjectURL(png);
      element.alt = text("heat_of", { label });
      show(true);
    }
  } catch (fault) {
    if (!signal.aborted) {
      note.textContent = faultDetail(fault);
    }
  } finally {
    if (!signal.aborted) {
      asking = null;
    }
  }
}

button.addEventListener("click", () => {
  if (element.hasAttribute("src")) {
    show(element.hidden);
  } else if (!asking) {
    fetchHeat();
  }
});
