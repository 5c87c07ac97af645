// The heat map of the picture that is shown: asked for once, then switched on and off.

import { faultDetail } from "./faults.js";
import { text } from "./i18n.js";
import { explain } from "./server.js";

const button = document.querySelector("#heat-button");
const image = document.querySelector("#detail-heat");
const note = document.querySelector("#heat-note");
let picture = null;
let asking = null;

export function offerHeat(shown) {
  forgetHeat();
  picture = shown;
}

export function forgetHeat() {
  asking?.abort();
  asking = picture = null;
  URL.revokeObjectURL(image.src);
  image.removeAttribute("src");
  show(false);
}

function show(isShown) {
  image.hidden = !isShown;
  button.setAttribute("aria-pressed", isShown);
  note.textContent = isShown ? text("heat_note", { label: picture.answer.top[0].label }) : "";
}

async function fetchHeat() {
  const { file, answer } = picture;
  const { signal } = (asking = new AbortController());
  const { label } = answer.top[0];
  note.textContent = text("heat_busy");
  try {
    const png = await explain(file, { label, model: answer.model, signal });
    if (!signal.aborted) {
      image.src = URL.createObjectURL(png);
      image.alt = text("heat_of", { label });
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
  if (image.hasAttribute("src")) {
    show(image.hidden);
  } else if (!asking) {
    fetchHeat();
  }
});
