// Labels and their images: made, added, moved, removed, undone.

import { hasCamera, openCamera } from "../camera.js";
import { languages, number, text } from "../i18n.js";
import { announce } from "../progress.js";
import { addToBatch, changeBetween, endBatches, newBatch, renameBatches } from "./adding.js";
import { blobOf, change, imagesOf } from "./api.js";
import { attempt, changes, current, refresh, take } from "./state.js";

const SHOWN = 48; // images of a label, before all are wanted

const find = (id) => document.querySelector(`#teach-${id}`);
const thumbnails = new Map(); // addresses by path
let chosen = null;
let shown = ""; // what the list of images was made for
let wantsAll = false;
const selected = new Set();

export function showLabels() {
  find("new").addEventListener("submit", makeLabel);
  find("rename-form").addEventListener("submit", rename);
  find("rename").addEventListener("click", () => {
    find("rename-form").hidden = !find("rename-form").hidden;
    find("new-name").value = chosen ?? "";
    find("new-name").select();
  });
  find("forget").addEventListener("click", forget);
  find("undo").addEventListener("click", undo);
  find("files").addEventListener("change", () => {
    addImages([...find("files").files]);
    find("files").value = "";
  });
  find("camera").hidden = !hasCamera();
  find("camera").addEventListener("click", () => {
    const batch = batchOfChosen();
    if (batch) {
      openCamera((files) => add(files, batch), { series: true });
    }
  });
  find("remove").addEventListener("click", () => withSelected((image) => change("images/remove", { image })));
  find("move").addEventListener("change", () => {
    const label = find("move").value;
    withSelected((image) => change("images/move", { image, label }));
  });
  addEventListener("keydown", chooseByKey);
  changes.addEventListener("change", show);
  languages.addEventListener("change", () => {
    find("note").textContent = "";
    shown = "";
    show();
  });
}

// Adds images to the label that is chosen.
export function addImages(files) {
  const batch = batchOfChosen();
  if (batch) {
    add(files, batch);
  }
}

// Returns a batch for the label that is chosen, or nothing and asks for one.
function batchOfChosen() {
  if (chosen) {
    return newBatch(chosen);
  }
  find("note").className = "refused";
  find("note").textContent = text("teach_label_first");
  find("label").focus();
  return null;
}

async function add(files, batch) {
  if (batch.isOver) {
    return; // a photo that comes late
  }
  const { added, known, moved, faults } = await addToBatch(files, batch, (left) => {
    find("note").className = "";
    find("note").textContent = text("teach_adding", { left: number(left) });
  });
  const words = [text("teach_added", { count: added, label: batch.label })];
  if (known) {
    words.push(text("teach_known", { count: known }));
  }
  if (moved.length) {
    words.push(text("teach_moved", { count: moved.length, labels: [...new Set(moved)].join(text("comma")) }));
  }
  words.push(...faults.slice(0, 3));
  find("note").className = faults.length ? "refused" : "";
  find("note").textContent = words.join(" · ");
  await refresh();
}

// Undoes the last step. Images that are being added are added no longer, and are undone if they were the last step.
function undo() {
  endBatches();
  return doBetween(() => change("undo"));
}

async function makeLabel(event) {
  event.preventDefault();
  const label = find("label").value.trim();
  if (label) {
    await attempt(find("note"), async () => {
      take(await change("labels", { label }));
      chosen = label;
      find("label").value = "";
    });
  }
}

async function rename(event) {
  event.preventDefault();
  const label = chosen;
  const to = find("new-name").value.trim();
  if (label && to) {
    await doBetween(async () => {
      await change("labels/rename", { label, to });
      renameBatches(label, to);
      chosen = to;
      find("rename-form").hidden = true;
      find("rename").focus();
    });
  }
}

// Takes the label that is chosen out, with its images and those that are being added to it.
function forget() {
  const label = chosen;
  return doBetween(async () => {
    await change("labels/remove", { label });
    endBatches(label);
  });
}

function doBetween(action) {
  return attempt(find("note"), () => changeBetween(action));
}

async function withSelected(action) {
  await attempt(find("note"), async () => {
    for (const image of [...selected]) {
      await action(image);
    }
  });
  selected.clear();
  await showImages();
}

function chooseByKey(event) {
  const isFree = !event.target.matches("input, select, textarea") && !document.querySelector("dialog[open]");
  const index = "123456789".indexOf(event.key);
  if (isFree && index >= 0 && !document.querySelector("#teach").hidden && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const entry = current()?.labels[index];
    if (entry) {
      choose(entry.label);
      announce(text("teach_chosen", { label: entry.label }));
    }
  }
}

function choose(label) {
  chosen = label;
  wantsAll = false;
  selected.clear();
  find("note").textContent = "";
  show();
}

function show() {
  const state = current();
  if (!state) {
    return;
  }
  if (!state.labels.some((entry) => entry.label === chosen)) {
    chosen = state.labels[0]?.label ?? null;
  }
  const few = new Set(state.warnings.filter(({ kind }) => kind === "few").map(({ label }) => label));
  const box = find("labels");
  const focused = box.contains(document.activeElement);
  box.replaceChildren(...state.labels.map((entry, index) => option(entry, index, few.has(entry.label))));
  if (focused) {
    box.querySelector('[aria-checked="true"]')?.focus();
  }
  for (const id of ["rename", "forget"]) {
    find(id).disabled = !chosen;
  }
  const { undo } = state;
  find("undo").disabled = !undo;
  find("undo").textContent = undo ? text("teach_undo", undo) : text("teach_undo_none");
  showImages();
}

function option({ label, images }, index, isFew) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = `teach-option${isFew ? " teach-few" : ""}`;
  button.setAttribute("role", "radio");
  button.setAttribute("aria-checked", String(label === chosen));
  button.setAttribute("aria-label", text("teach_label_count", { label, count: images }));
  button.tabIndex = label === chosen ? 0 : -1;
  if (index < 9) {
    const key = document.createElement("kbd");
    key.textContent = String(index + 1);
    button.append(key);
  }
  const name = document.createElement("span");
  name.className = "teach-name";
  name.textContent = label;
  const count = document.createElement("span");
  count.className = "teach-count";
  count.textContent = number(images);
  button.append(name, count);
  button.addEventListener("click", () => choose(label));
  button.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (by) {
      event.preventDefault();
      const all = current().labels;
      choose(all[(index + by + all.length) % all.length].label);
      find("labels").querySelector('[aria-checked="true"]').focus();
    }
  });
  return button;
}

async function showImages() {
  const state = current();
  const wanted = `${chosen}\n${state.changes}\n${wantsAll}`;
  if (wanted !== shown) {
    shown = wanted;
    const all = chosen ? await imagesOf(chosen).catch(() => []) : [];
    if (wanted !== shown) {
      return;
    }
    const newest = all.toReversed();
    const some = wantsAll ? newest : newest.slice(0, SHOWN);
    selected.forEach((path) => all.includes(path) || selected.delete(path));
    const items = some.map(thumbnail);
    if (some.length < all.length) {
      items.push(more(all.length));
    }
    find("images").replaceChildren(...items);
  }
  find("selected").hidden = selected.size === 0;
  find("selected-text").textContent = text("teach_selected", { count: selected.size });
  const prompt = new Option(text("teach_move"), "");
  prompt.disabled = true;
  const others = state.labels.filter(({ label }) => label !== chosen).map(({ label }) => new Option(label));
  find("move").replaceChildren(prompt, ...others);
  find("move").value = "";
  find("move").hidden = others.length === 0;
}

function thumbnail(path) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("aria-pressed", String(selected.has(path)));
  button.setAttribute("aria-label", text("teach_image", { name: path.split("/").at(-1), label: chosen }));
  button.append(imageOf(path));
  button.addEventListener("click", () => {
    if (!selected.delete(path)) {
      selected.add(path);
    }
    button.setAttribute("aria-pressed", String(selected.has(path)));
    showImages();
  });
  item.append(button);
  return item;
}

function more(count) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "teach-more";
  button.textContent = text("teach_all", { count: number(count) });
  button.addEventListener("click", () => {
    wantsAll = true;
    showImages();
  });
  item.append(button);
  return item;
}

// Returns an element that shows an image of the dataset; what is in sight is loaded.
export function imageOf(path) {
  const element = document.createElement("img");
  element.alt = "";
  const key = path.split("/").at(-1); // an image keeps its name when it moves
  if (thumbnails.has(key)) {
    element.src = thumbnails.get(key);
  } else {
    sight.observe(element);
    element.dataset.path = path;
  }
  return element;
}

const sight = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (isIntersecting) {
      sight.unobserve(target);
      load(target);
    }
  }
});

async function load(element) {
  const { path } = element.dataset;
  try {
    const address = URL.createObjectURL(await blobOf("images/thumbnail", { image: path }));
    thumbnails.set(path.split("/").at(-1), address);
    element.src = address;
  } catch {
    element.alt = "?";
  }
}
