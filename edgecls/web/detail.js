// One image in full: answer, heat map, correction; the arrow keys lead to the next.

import { album, State } from "./album.js";
import { answerText, showBars } from "./bars.js";
import { offerCorrection } from "./correction.js";
import { showFacts } from "./facts.js";
import { forgetHeat, offerHeat } from "./heat.js";
import { languages, number, text } from "./i18n.js";

const dialog = document.querySelector("#detail");
const element = document.querySelector("#detail-image");
const unseen = document.querySelector("#detail-unseen");
let shown = null;

export function openDetail(image) {
  show(image);
  dialog.showModal();
}

// The images in the order in which they stand on the page.
function answered() {
  return [...document.querySelectorAll("#results .card.answered")].map((card) => album.image(Number(card.dataset.id)));
}

function step(by) {
  const images = answered();
  const next = images[images.indexOf(shown) + by];
  if (next) {
    show(next);
  }
}

function show(image) {
  shown = image;
  URL.revokeObjectURL(element.src);
  element.src = URL.createObjectURL(image.file);
  element.alt = image.name;
  element.hidden = false;
  unseen.hidden = true;
  offerHeat(image);
  showWords();
  offerCorrection(image);
}

function showWords() {
  const { answer, file, name } = shown;
  document.querySelector("#detail-label").textContent = answerText(answer);
  const bars = document.querySelector("#detail-bars");
  showBars(bars, answer.top);
  bars.classList.toggle("unknown", !answer.known);
  const images = answered();
  const index = images.indexOf(shown);
  document.querySelector("#detail-before").disabled = index <= 0;
  document.querySelector("#detail-after").disabled = index === images.length - 1;
  document.querySelector("#detail-place").textContent = text("place", { index: index + 1, total: images.length });
  const facts = [
    [text("file"), name],
    [text("size"), `${number(file.size / 1024)} KiB`],
    [text("time"), text("time_ms", { time: number(answer.time_ms, 1) })],
  ];
  if (answer.familiarity !== null) {
    facts.push([text("familiarity"), number(answer.familiarity, 3)]);
  }
  if (answer.model) {
    facts.push([text("model"), answer.model]);
  }
  showFacts(document.querySelector("#detail-facts"), facts);
}

element.addEventListener("error", () => {
  if (dialog.open) {
    element.hidden = true;
    unseen.hidden = false;
  }
});
dialog.addEventListener("close", () => {
  forgetHeat();
  URL.revokeObjectURL(element.src);
  element.removeAttribute("src");
  const card = document.querySelector(`#results .card[data-id="${shown.id}"] .open`);
  shown = null;
  card?.focus();
});
dialog.addEventListener("keydown", (event) => {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (by && !event.target.matches("select, input")) {
    event.preventDefault();
    step(by);
  }
});
document.querySelector("#detail-before").addEventListener("click", () => step(-1));
document.querySelector("#detail-after").addEventListener("click", () => step(1));
album.addEventListener("change", ({ detail: image }) => {
  if (image === shown && image.state === State.ANSWERED) {
    showWords();
  }
});
languages.addEventListener("change", () => shown && showWords());
