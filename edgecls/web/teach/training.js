// Training: what stands in its way, how far it is, and what is doubtful afterwards.

import { languages, number, text } from "../i18n.js";
import { change } from "./api.js";
import { imageOf } from "./labels.js";
import { attempt, changes, current, refresh, take } from "./state.js";

const WARNINGS = 8; // of a kind that are shown
const PARTS = { starting: 0, reading: 0.05, comparing: 0.05, decoding: 0.15, prepared: 0.25, features: 0.25, fitting: 0.8 };
const LENGTHS = { comparing: 0.1, decoding: 0.1, features: 0.55, evaluating: 0.1 };

const find = (id) => document.querySelector(`#teach-${id}`);
let shown = ""; // the warnings
let said = "";
let failure = "";

export function showTraining() {
  find("train").addEventListener("click", train);
  find("cancel").addEventListener("click", () => attempt(find("status"), () => change("training/cancel")));
  changes.addEventListener("change", show);
  languages.addEventListener("change", () => {
    shown = said = "";
    show();
  });
}

async function train() {
  failure = "";
  await attempt(find("status"), async () => take(await change("training")));
  if (find("status").className === "refused") {
    failure = find("status").textContent;
  }
}

function show() {
  const state = current();
  if (!state) {
    return;
  }
  const { training } = state;
  const isRunning = training.state === "running";
  find("train").disabled = isRunning || !state.can_train;
  find("train").textContent = state.corrections
    ? text("teach_learn", { count: state.corrections })
    : text("teach_train");
  find("cancel").hidden = !isRunning;
  find("progress").hidden = !isRunning;
  if (isRunning) {
    const part = training.total ? training.done / training.total : 0;
    find("progress").value = (PARTS[training.step] ?? 0.9) + part * (LENGTHS[training.step] ?? 0);
  }
  const words = {
    idle: "",
    running: text("teach_running", { step: text(`teach_step_${training.step}`) ?? training.step }),
    finished: text("teach_finished", { seconds: number(training.elapsed_s, 1) }),
    cancelled: text("teach_cancelled"),
    failed: text("teach_failed", { reason: training.message }),
  }[training.state];
  if (words !== said) {
    said = words; // or a screen reader would say it again and again
    failure = "";
    find("status").className = training.state === "failed" ? "refused" : "";
    find("status").textContent = words;
  } else if (failure) {
    find("status").textContent = failure;
  }
  showWarnings(state.warnings);
}

function showWarnings(warnings) {
  const key = JSON.stringify(warnings);
  if (key === shown) {
    return;
  }
  shown = key;
  const few = warnings.filter(({ kind }) => kind === "few");
  const items = warnings.filter(({ kind }) => kind === "labels").map(() => item(text("teach_warn_labels")));
  if (few.length) {
    const labels = few.map(({ label, images }) => `${label} (${number(images)})`).join(text("comma"));
    items.push(item(text("teach_warn_few", { labels, enough: few[0].enough })));
  }
  const alike = warnings.filter(({ kind }) => kind === "alike");
  items.push(...alike.slice(0, WARNINGS).map(alikeItem));
  const doubtful = warnings.filter(({ kind }) => kind === "doubtful");
  items.push(...doubtful.slice(0, WARNINGS).map(doubtfulItem));
  find("warnings").replaceChildren(...items);
}

function item(words, ...images) {
  const element = document.createElement("li");
  const span = document.createElement("span");
  span.textContent = words;
  element.append(...images.map(imageOf), span);
  return element;
}

function alikeItem({ labels, images }) {
  const words =
    labels.length > 1
      ? text("teach_warn_alike_labels", { count: images.length, labels: labels.join(text("comma")) })
      : text("teach_warn_alike", { count: images.length, label: labels[0] });
  return item(words, ...images.slice(0, 4));
}

function doubtfulItem({ image, label, suggested }) {
  const element = item(text("teach_warn_doubtful", { label, suggested }), image);
  element.append(button(text("teach_keep"), "images/keep", { image }));
  element.append(button(text("teach_relabel", { label: suggested }), "images/move", { image, label: suggested }));
  element.append(button(text("teach_remove"), "images/remove", { image }));
  return element;
}

function button(words, path, values) {
  const element = document.createElement("button");
  element.type = "button";
  element.textContent = words;
  element.addEventListener("click", async () => {
    await attempt(find("note"), () => change(path, values));
    await refresh();
  });
  return element;
}
