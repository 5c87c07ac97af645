// How far the work has come, for the eye and for screen readers.

import { album, State } from "./album.js";
import { languages, number, text } from "./i18n.js";
import { queue } from "./queue.js";

const ANNOUNCE_EVERY_MS = 5000; // each image by itself would drown all else

const summary = document.querySelector("#summary");
const line = document.querySelector("#progress-text");
const bar = document.querySelector("#progress-bar");
const againAll = document.querySelector("#again-all");
const announcement = document.querySelector("#announcement");
let isDue = false;
let announcedAt = 0;
let wasWorking = false;

export function showProgress() {
  for (const what of ["add", "change", "remove"]) {
    album.addEventListener(what, soon);
  }
  queue.addEventListener("busy", soon);
  languages.addEventListener("change", soon);
}

export function announce(words) {
  announcement.textContent = words;
  announcedAt = Date.now();
}

// Many changes between two frames are shown once.
function soon() {
  if (!isDue) {
    isDue = true;
    requestAnimationFrame(show);
  }
}

function show() {
  isDue = false;
  const total = album.images.length;
  const waiting = album.count(State.WAITING);
  const failed = album.count(State.FAILED);
  const isWorking = waiting > 0;
  summary.hidden = total === 0;
  document.body.classList.toggle("has-images", total > 0);
  const passing = album.images.filter(({ fault }) => fault?.isPassing).length;
  againAll.hidden = isWorking || passing === 0;
  againAll.textContent = text("again_all", { count: number(passing) });
  document.querySelector("#stop").hidden = !isWorking;
  document.querySelector("#clear").hidden = isWorking;
  bar.hidden = !isWorking;
  bar.max = total || 1;
  bar.value = total - waiting;
  const done = number(total - waiting);
  const words = [isWorking ? text("done", { done, total: number(total) }) : text("all_done", { total })];
  if (failed) {
    words.push(text("failed", { failed }));
  }
  if (queue.isBusy) {
    words.push(text("busy"));
  }
  line.textContent = words.join(" · ");
  if (total && (wasWorking !== isWorking || Date.now() - announcedAt > ANNOUNCE_EVERY_MS)) {
    announce(line.textContent);
  }
  wasWorking = isWorking;
}
