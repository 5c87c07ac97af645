// What is asked of the server, and how its refusals are understood.

import { Fault } from "./fault.js";
import { keyHeaders, wantKey } from "./key.js";

const LONGEST_WAIT_S = 60;
const STATUS_PATIENCE_MS = 5000;

// Tells "lost" when a request finds no server, but for those about its status.
export const connection = new EventTarget();

// `mayAskForKey`: whether the user may be disturbed, should the server want a key.
export async function status({ mayAskForKey }) {
  return (await ask("status", { mayAskForKey, signal: AbortSignal.timeout(STATUS_PATIENCE_MS) })).json();
}

// Waits as long as the server is busy; `onBusy` is told when that begins (true) and ends (false).
export async function classify(file, { model, signal, onBusy }) {
  if (file.size === 0) {
    throw new Fault("EmptyFile", "", false);
  }
  const path = `predict/${encodeURIComponent(file.name)}?${query({ top: 5, model })}`;
  return (await ask(path, { method: "POST", body: file, signal }, onBusy)).json();
}

export async function explain(file, { label, model, signal }) {
  const path = `predict/${encodeURIComponent(file.name)}?${query({ explain: 1, label, model })}`;
  return (await ask(path, { method: "POST", body: file, headers: { Accept: "image/png" }, signal })).blob();
}

export async function correct(file, { label, model }) {
  return (await ask(`feedback?${query({ label, model, name: file.name })}`, { method: "POST", body: file })).json();
}

export function query(values) {
  return new URLSearchParams(Object.entries(values).filter(([, value]) => value != null));
}

export async function ask(path, options, onBusy = () => {}) {
  let response = await send(path, options);
  if (hasToWait(response)) {
    onBusy(true);
    try {
      do {
        await pause(response, options.signal);
        response = await send(path, options);
      } while (hasToWait(response));
    } finally {
      onBusy(false);
    }
  }
  if (response.ok) {
    return response;
  }
  throw await faultOf(response);
}

async function send(path, { mayAskForKey = true, ...options }) {
  const keys = keyHeaders();
  const response = await sendWith(keys, path, options);
  return response.status === 401 && mayAskForKey && (await wantKey(keys)) ? send(path, options) : response;
}

async function sendWith(keys, path, options) {
  try {
    return await fetch(path, { ...options, headers: { ...options.headers, ...keys } });
  } catch (error) {
    if (error.name === "AbortError") {
      throw error;
    }
    if (options.body && !(await isReadable(options.body))) {
      throw new Fault("FileGone", "", false);
    }
    if (path !== "status") {
      connection.dispatchEvent(new Event("lost"));
    }
    throw new Fault("NetworkFault", "", true);
  }
}

function hasToWait(response) {
  return (response.status === 503 || response.status === 429) && response.headers.has("Retry-After");
}

function pause(response, signal) {
  const seconds = Math.min(Number(response.headers.get("Retry-After")) || 1, LONGEST_WAIT_S);
  const spread = 1 + Math.random() / 2; // or all that were refused at once would come back at once
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 1000 * seconds * spread);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

async function faultOf(response) {
  const isPassing = response.status >= 500 && response.status !== 507;
  try {
    const { error } = await response.json();
    return new Fault(error.type, error.message, isPassing);
  } catch {
    return new Fault("other", `HTTP ${response.status}`, isPassing);
  }
}

async function isReadable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}
