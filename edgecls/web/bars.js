// Probabilities as bars.

import { percent } from "./i18n.js";

const template = document.querySelector("#bar-template");

export function showBars(list, scores) {
  list.replaceChildren(...scores.map(bar));
}

function bar({ label, probability }) {
  const row = template.content.firstElementChild.cloneNode(true);
  row.querySelector(".label").textContent = label;
  row.querySelector(".label").title = label;
  row.querySelector(".value").textContent = percent(probability);
  row.style.setProperty("--part", probability);
  return row;
}
