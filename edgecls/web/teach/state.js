// What the server says about the dataset and its models, and who wants to know.

import { faultDetail, faultTitle } from "../faults.js";
import { text } from "../i18n.js";
import { teachState } from "./api.js";

const RUNNING_MS = 400;
const QUIET_MS = 5000; // somebody else may be teaching too

// Tells "change" when there is a new state.
export const changes = new EventTarget();
let state = null;
let timer = 0;
let isWatched = false;

export function current() {
  return state;
}

export function take(given) {
  state = given;
  changes.dispatchEvent(new Event("change"));
}

export async function refresh() {
  clearTimeout(timer);
  try {
    take(await teachState());
  } catch {
    // the line about the server says so
  }
  if (isWatched) {
    const ms = state?.training.state === "running" ? RUNNING_MS : QUIET_MS;
    timer = setTimeout(refresh, document.hidden ? Math.max(ms, QUIET_MS) : ms);
  }
}

export function watch(wanted) {
  isWatched = wanted;
  clearTimeout(timer);
  if (wanted) {
    refresh();
  }
}

// Does something that the server may refuse, and says so in the element.
export async function attempt(note, action) {
  note.textContent = "";
  note.className = "";
  try {
    await action();
  } catch (fault) {
    note.className = "refused";
    note.textContent = fault.type
      ? text("refused", { title: faultTitle(fault), detail: faultDetail(fault) })
      : String(fault);
  }
  await refresh();
}
