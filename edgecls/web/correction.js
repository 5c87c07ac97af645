// "Wrong? It is…": sends the true label of an image to the server, which keeps both for the next training.

import { album } from "./album.js";
import { faultDetail, faultTitle } from "./faults.js";
import { languages, text } from "./i18n.js";
import { labelsOf } from "./models.js";
import { correct } from "./server.js";

const NEW = "\n"; // cannot be a label

const form = document.querySelector("#correction");
const select = document.querySelector("#correct-label");
const newRow = document.querySelector("#new-label-row");
const newLabel = document.querySelector("#new-label");
const note = document.querySelector("#correction-note");
let image = null;
let settings = null; // what the server takes: {new_labels}, or null for nothing

export function setFeedback(taken) {
  settings = taken;
  showPrivacy();
}

function showPrivacy() {
  document.querySelector("#privacy").textContent = text(settings === null ? "privacy" : "privacy_feedback");
}

export function offerCorrection(shown) {
  image = shown;
  form.hidden = settings === null;
  const { correction } = image;
  note.textContent = correction === null ? "" : text("corrected", { label: correction });
  note.className = "";
  newLabel.value = "";
  if (settings !== null) {
    select.replaceChildren(...options(shown.answer));
    select.value = "";
  }
  showNewLabel();
}

// Likely labels first: in a list of a thousand they would be hard to find.
function options({ label: answered, top, model }) {
  const labels = labelsOf(model);
  const likely = top.map((score) => score.label).filter((label) => label !== answered);
  const prompt = new Option(text("choose_label"), "");
  prompt.disabled = true;
  const made = [prompt, optionGroup(text("likely"), likely)];
  const others = labels.filter((label) => label !== answered && !likely.includes(label));
  if (others.length) {
    made.push(optionGroup(text("all_labels"), others));
  }
  if (settings.new_labels) {
    made.push(new Option(text("other_label"), NEW));
  }
  return made;
}

function optionGroup(title, labels) {
  const group = document.createElement("optgroup");
  group.label = title;
  group.append(...labels.map((label) => new Option(label)));
  return group;
}

function showNewLabel() {
  newRow.hidden = select.value !== NEW;
  newLabel.required = !newRow.hidden;
}

async function sendCorrection() {
  const corrected = image;
  const label = select.value === NEW ? newLabel.value.trim() : select.value;
  if (!label) {
    (select.value === NEW ? newLabel : select).focus();
    return;
  }
  note.className = "";
  note.textContent = text("sending");
  try {
    await correct(corrected.file, { label, model: corrected.answer.model });
    album.change(corrected, { correction: label });
    tell(corrected, "kept", text("thanks", { label }));
  } catch (fault) {
    tell(corrected, "refused", text("refused", { title: faultTitle(fault), detail: faultDetail(fault) }));
  }
}

function tell(corrected, kind, words) {
  if (corrected === image) {
    note.className = kind;
    note.textContent = words;
    note.scrollIntoView({ block: "nearest" });
  }
}

languages.addEventListener("change", showPrivacy);
select.addEventListener("change", () => {
  showNewLabel();
  if (!newRow.hidden) {
    newLabel.focus();
  }
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  sendCorrection();
});
