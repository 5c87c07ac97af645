// Which models the server has, and which one is asked.

import { album } from "./album.js";
import { languages, list, text } from "./i18n.js";

const NAMED_LABELS = 12;

const choice = document.querySelector("#model-choice");
const select = document.querySelector("#model");
let models = [];

// Tells "choose" when another model is to answer.
export const choices = new EventTarget();

// Returns the name of the model that is asked; undefined for the server's first.
export function chosenModel() {
  return select.value || undefined;
}

// Asks a model from now on, if the server has it.
export function chooseModel(name) {
  if ([...select.options].some((option) => option.value === name)) {
    select.value = name;
    select.dispatchEvent(new Event("change"));
  }
}

export function labelsOf(name) {
  return (models.find((model) => model.name === name) ?? models[0])?.labels ?? [];
}

export function showModels(known) {
  models = known.filter((model) => model.labels);
  const names = models.map((model) => model.name);
  if (names.join("\n") !== [...select.options].map((option) => option.value).join("\n")) {
    const chosen = select.value;
    select.replaceChildren(...names.map((name) => new Option(name)));
    select.value = names.includes(chosen) ? chosen : (names[0] ?? "");
    choice.hidden = names.length < 2;
  }
  showLabels();
}

function showLabels() {
  const labels = labelsOf(chosenModel());
  const named = labels.length > NAMED_LABELS ? labels.slice(0, NAMED_LABELS) : labels;
  const more = labels.length - named.length;
  const words = more ? named.join(text("comma")) : list(named);
  document.querySelector("#known-labels").textContent = labels.length ? text("known_labels", { labels: words, more }) : "";
}

select.addEventListener("change", () => {
  showLabels();
  if (album.images.length) {
    choices.dispatchEvent(new Event("choose"));
  }
});
languages.addEventListener("change", showLabels);
