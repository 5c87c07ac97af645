// Answers as words, and probabilities as bars.

import { percent, text } from "./i18n.js";

const template = document.querySelector("#bar-template");

// The label, or why there is none.
export function answerText({ known, reason, label, top }) {
  const [first, second] = top.map((score) => score.label);
  return known ? label : text(reason === "unlike" ? "unlike" : "undecided", { first, second });
}

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
