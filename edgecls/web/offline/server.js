// Answers what server.js answers, but from the model in this file: nothing leaves the browser.

import { Fault } from "edgecls/fault.js";
import { decoded } from "edgecls/offline/decode.js";
import { heatOver } from "edgecls/offline/heat.js";
import { facts, hasActivation, open, run, verify } from "edgecls/offline/network.js";
import { text } from "edgecls/i18n.js";

export { Fault };

const UNKNOWN = "unknown";
const TOP = 5;

export const connection = new EventTarget(); // never lost

const started = performance.now();
const opening = start();
let answered = 0;

async function start() {
  await open();
  document.querySelector("#heat-button").hidden = !hasActivation();
  return verify();
}

export async function status() {
  const { document: model, sha256, version } = facts;
  const state = await Promise.race([opening, null]).catch((error) => ({ error }));
  const described = { name: model.name, state: "loading", reason: null };
  if (state?.error) {
    Object.assign(described, { state: "failed", reason: String(state.error.message ?? state.error) });
  } else if (state) {
    Object.assign(described, {
      state: "ready",
      labels: model.labels,
      architecture: model.architecture,
      precision: model.precision,
      image: model.image,
      unknown_threshold: model.unknown_threshold ?? null,
      provider: text(state.passed ? "golden_passed" : "golden_failed", state),
      isUnreliable: !state.passed,
      skipped: [],
      sha256,
    });
  }
  return {
    images_answered: answered,
    uptime_s: (performance.now() - started) / 1000,
    version,
    feedback: null,
    models: [described],
  };
}

export async function classify(file, { signal }) {
  await ready();
  const start = performance.now();
  const { input, bitmap } = await decoded(file, facts.document.image);
  const decodeMs = performance.now() - start;
  bitmap.close();
  signal?.throwIfAborted();
  const output = await run(input);
  answered += 1;
  await new Promise((resolve) => setTimeout(resolve)); // the page may react in between
  return { image: file.name, ...answerFrom(output), time_ms: decodeMs + output.ms };
}

export async function explain(file, { label, signal }) {
  await ready();
  if (!hasActivation()) {
    throw new Fault("NoHeat", "", false);
  }
  const { image: spec, labels } = facts.document;
  const { input, bitmap } = await decoded(file, spec);
  try {
    const { outputs } = await run(input, ["class_activation"]);
    signal?.throwIfAborted();
    const wanted = { label: labels.indexOf(label), spec, axes: facts.axes };
    return await heatOver(bitmap, outputs.class_activation, wanted);
  } finally {
    bitmap.close();
  }
}

async function ready() {
  try {
    await opening;
  } catch (error) {
    throw new Fault("NotReady", String(error.message ?? error), false);
  }
}

function answerFrom({ probabilities, familiarity }) {
  const { labels, unknown_threshold: threshold = null, familiarity: known } = facts.document;
  const order = labels.map((_, index) => index).sort((one, other) => probabilities[other] - probabilities[one]);
  const best = order[0];
  const isUnlike = known !== undefined && familiarity < known.threshold;
  const isUndecided = threshold !== null && probabilities[best] < threshold;
  return {
    label: isUnlike || isUndecided ? UNKNOWN : labels[best],
    known: !isUnlike && !isUndecided,
    reason: isUnlike ? "unlike" : isUndecided ? "undecided" : null,
    familiarity: familiarity ?? null,
    probability: probabilities[best],
    top: order.slice(0, TOP).map((index) => ({ label: labels[index], probability: probabilities[index] })),
  };
}

export async function correct() {
  throw new Fault("other", "", false); // is never offered
}
