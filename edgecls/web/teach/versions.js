// The models that were taught: how good each is, what changed, trying one beside the model that is served, using it.

import { answerText, showBars } from "../bars.js";
import { hasCamera, openCamera } from "../camera.js";
import { languages, number, percent, text } from "../i18n.js";
import { chooseModel } from "../models.js";
import { refreshStatus } from "../status.js";
import { addImage, change, compareOn, download } from "./api.js";
import { attempt, changes, current, take } from "./state.js";

const TRIES = 24; // kept on the page

const find = (id) => document.querySelector(`#teach-${id}`);
let chosen = null;
let newest = null;
let shown = "";

export function showVersions() {
  find("use").addEventListener("click", use);
  find("download").addEventListener("click", () =>
    attempt(find("note"), () => download(`versions/${chosen}/model.onnx`, `${current().name}-${chosen}.onnx`)),
  );
  find("zip").addEventListener("click", () =>
    attempt(find("note"), () => download("dataset.zip", `${current().name}.zip`)),
  );
  find("try-files").addEventListener("change", () => {
    tryImages([...find("try-files").files]);
    find("try-files").value = "";
  });
  find("try-camera").hidden = !hasCamera();
  find("try-camera").addEventListener("click", () => openCamera(tryImages, { series: true }));
  changes.addEventListener("change", show);
  languages.addEventListener("change", () => {
    shown = "";
    show();
  });
}

async function use() {
  await attempt(find("note"), async () => {
    take(await change(`versions/${chosen}/use`));
    await refreshStatus();
    chooseModel(current().name);
  });
}

function show() {
  const state = current();
  if (!state) {
    return;
  }
  const { versions, in_use } = state;
  find("models").hidden = versions.length === 0;
  const last = versions.at(-1)?.number ?? null;
  if (last !== newest || !versions.some((version) => version.number === chosen)) {
    newest = chosen = last;
  }
  const version = versions.find((one) => one.number === chosen);
  const key = JSON.stringify([versions.map((one) => one.number), chosen, in_use]);
  if (!version || key === shown) {
    return;
  }
  shown = key;
  const focused = find("versions").contains(document.activeElement);
  find("versions").replaceChildren(...versions.toReversed().map((one) => option(one, in_use)));
  if (focused) {
    find("versions").querySelector('[aria-checked="true"]')?.focus();
  }
  find("use").disabled = chosen === in_use;
  find("use").textContent = text(chosen === in_use ? "teach_in_use" : in_use > chosen ? "teach_put_back" : "teach_use");
  find("rows").replaceChildren(...version.per_label.map(row));
}

function option(version, inUse) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "teach-option";
  button.setAttribute("role", "radio");
  button.setAttribute("aria-checked", String(version.number === chosen));
  button.textContent = text("teach_version", {
    number: version.number,
    accuracy: percent(version.accuracy),
    kind: text(`teach_${version.accuracy_of.replace("-", "_")}`),
    images: number(version.images),
    inUse: version.number === inUse,
  });
  button.addEventListener("click", () => {
    chosen = version.number;
    show();
  });
  return button;
}

function row({ label, images, right, before, newly_right: better, newly_wrong: worse }) {
  const element = document.createElement("tr");
  const head = document.createElement("th");
  head.scope = "row";
  head.textContent = label;
  const now = cell(images ? text("teach_of", { right: number(right), images: number(images) }) : "–");
  const earlier = cell(before?.images ? text("teach_of", { right: number(before.right), images: number(before.images) }) : "–");
  const changed = cell(better || worse ? text("teach_changed", { better: number(better), worse: number(worse) }) : "–");
  changed.className = better > worse ? "better" : worse > better ? "worse" : "";
  element.append(head, now, earlier, changed);
  return element;
}

function cell(words) {
  const element = document.createElement("td");
  element.textContent = words;
  return element;
}

// Has the chosen version and the served model classify images, one after the other.
export async function tryImages(files) {
  for (const file of files) {
    const item = document.createElement("li");
    find("tries").prepend(item);
    try {
      showTry(item, file, await compareOn(file, chosen));
    } catch (fault) {
      item.textContent = `${file.name}: ${fault.message}`;
    }
    for (const old of [...find("tries").children].slice(TRIES)) {
      URL.revokeObjectURL(old.querySelector("img")?.src);
      old.remove();
    }
  }
}

function showTry(item, file, { answer, served }) {
  const image = document.createElement("img");
  image.src = URL.createObjectURL(file);
  image.alt = file.name;
  item.append(image, answerBlock(text("teach_answer_new", { number: chosen }), answer));
  if (served) {
    item.append(answerBlock(text("teach_answer_served", { model: served.model }), served));
  }
  item.append(correction(file, chosen));
}

function answerBlock(title, answer) {
  const block = document.createElement("div");
  block.className = "teach-answer";
  const heading = document.createElement("h4");
  heading.textContent = title;
  const words = document.createElement("p");
  words.textContent = answerText(answer);
  const bars = document.createElement("ul");
  bars.className = `bars${answer.known ? "" : " unknown"}`;
  showBars(bars, answer.top.slice(0, 3));
  block.append(heading, words, bars);
  return block;
}

function correction(file, version) {
  const line = document.createElement("div");
  line.className = "row";
  const select = document.createElement("select");
  select.setAttribute("aria-label", text("wrong"));
  const prompt = new Option(text("wrong"), "");
  prompt.disabled = true;
  select.append(prompt, ...current().labels.map(({ label }) => new Option(label)));
  select.value = "";
  const note = document.createElement("span");
  note.setAttribute("role", "status");
  select.addEventListener("change", () => {
    const label = select.value;
    attempt(note, async () => {
      await addImage(file, { label, corrects: version });
      note.textContent = text("teach_kept", { label });
    });
  });
  line.append(select, note);
  return line;
}
