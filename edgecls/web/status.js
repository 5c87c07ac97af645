// What the server says about itself: a line that is always there, and a panel.

import { setFeedback } from "./correction.js";
import { showFacts } from "./facts.js";
import { languages, number, percent, text } from "./i18n.js";
import { showModels } from "./models.js";
import { announce } from "./progress.js";
import { connection, status } from "./server.js";

const STARTING_MS = 1000; // between two looks while a model is being loaded or the server is away
const OPEN_MS = 2000; // while the panel is open
const QUIET_MS = 3000;
const UNSEEN_MS = 30000; // while the page is in the background

const dialog = document.querySelector("#status");
const button = document.querySelector("#status-button");
const line = document.querySelector("#status-line");
let last = null; // {facts, at}
let before = null;
let timer = 0;
let looking = null; // the look that is under way
let lacksKey = false;
let mayAskForKey = true; // at first, and when the user wants to see the panel

export function watchStatus() {
  button.addEventListener("click", async () => {
    if (!last) {
      await looking;
      mayAskForKey = true;
      await look();
    }
    if (!lacksKey && !dialog.open) {
      dialog.showModal();
      show();
      look();
    }
  });
  languages.addEventListener("change", show);
  connection.addEventListener("lost", look);
  addEventListener("online", look);
  addEventListener("offline", look);
  document.addEventListener("visibilitychange", () => document.hidden || look());
  look();
}

// Looks now, and resolves when that is done.
export async function refreshStatus() {
  await looking;
  await look();
}

function look() {
  looking ??= lookOnce().finally(() => {
    looking = null;
  });
  return looking;
}

async function lookOnce() {
  clearTimeout(timer);
  try {
    const asked = mayAskForKey;
    mayAskForKey = false;
    const facts = await status({ mayAskForKey: asked });
    lacksKey = false;
    before = last;
    last = { facts, at: performance.now() };
    setFeedback(facts.feedback);
    showModels(facts.models);
    if (facts.teach) {
      import("./teach/teach.js").then(({ offerTeaching }) => offerTeaching());
    }
  } catch (fault) {
    lacksKey = fault.type === "Unauthorized";
    last = before = null;
  }
  show();
  timer = setTimeout(look, pauseMs());
}

function pauseMs() {
  if (document.hidden) {
    return UNSEEN_MS;
  }
  const isReady = last?.facts.models.some((model) => model.labels);
  return !isReady ? STARTING_MS : dialog.open ? OPEN_MS : QUIET_MS;
}

function show() {
  const ready = last?.facts.models.filter((model) => model.labels) ?? [];
  const isReliable = !ready.some((model) => model.isUnreliable); // a page without a server may find that it is not
  const state = !last || !isReliable ? "away" : ready.length ? "ready" : "loading";
  const words = !last
    ? text(lacksKey ? "key_needed" : "unreachable")
    : ready.length
      ? ready.map((model) => `${model.name} · ${model.provider}`).join(", ")
      : (last.facts.models.find((model) => model.state === "failed")?.reason ?? text("loading"));
  line.textContent = words;
  if (button.dataset.state !== state) {
    button.dataset.state = state;
    announce(words);
  }
  if (dialog.open && last) {
    showServer();
    document.querySelector("#model-facts").replaceChildren(...last.facts.models.map((model) => modelFacts(model, last.facts.drift?.[model.name])));
  }
}

function showServer() {
  const { facts, at } = last;
  showFacts(document.querySelector("#server-facts"), [
    [text("answered"), number(facts.images_answered)],
    [text("rate_now"), rateNow(facts, at)],
    [text("rate_mean"), number(facts.images_answered / Math.max(1, facts.uptime_s), 2)],
    [text("uptime"), duration(facts.uptime_s)],
    [text("version"), facts.version],
  ]);
}

function rateNow(facts, at) {
  if (!before) {
    return "–";
  }
  const rate = (facts.images_answered - before.facts.images_answered) / ((at - before.at) / 1000);
  return number(Math.max(0, rate), 1);
}

function modelFacts(model, drift) {
  const section = document.createElement("section");
  const heading = document.createElement("h3");
  const list = document.createElement("dl");
  heading.textContent = model.name;
  list.className = "facts";
  const facts = [];
  if (model.labels) {
    facts.push(
      [text("provider"), model.provider],
      [text("architecture"), model.architecture],
      [text("precision"), model.precision],
      [text("input"), text("input_value", model.image)],
      [text("labels"), number(model.labels.length)],
    );
    if (model.unknown_threshold !== null) {
      facts.push([text("threshold"), percent(model.unknown_threshold)]);
    }
    if (model.min_familiarity !== null) {
      facts.push([text("min_familiarity"), number(model.min_familiarity, 3)]);
    }
    if (drift) {
      facts.push([text("drift", drift), driftText(drift)]);
    }
    facts.push([text("tuned"), model.tuned ? text("tuned_value", model.tuned) : text("tuned_none")]);
    for (const { provider, reason, remedy } of model.skipped) {
      facts.push([`${text("skipped")}: ${provider}`, `${reason}; ${remedy}`]);
    }
    if (!model.skipped.length) {
      facts.push([text("skipped"), text("skipped_none")]);
    }
    facts.push([text("digest"), model.sha256]);
  }
  if (!model.labels || model.reason) {
    facts.unshift([text("state"), [model.state, model.reason].filter(Boolean).join(": ")]);
  }
  showFacts(list, facts);
  section.append(heading, list);
  return section;
}

function driftText({ like, images, changed }) {
  if (like === null) {
    return text("drift_few", { images: number(images) });
  }
  const whats = changed.map((what) => text(`drift.${what}`));
  return like ? text("drift_like") : text("drift_unlike", { whats: whats.join(text("comma")) });
}

function duration(seconds) {
  const whole = Math.floor(seconds);
  const [days, hours, minutes] = [whole / 86400, (whole / 3600) % 24, (whole / 60) % 60].map(Math.floor);
  const clock = [hours, minutes, whole % 60].map((part) => String(part).padStart(2, "0")).join(":");
  return days ? `${days} d ${clock}` : clock;
}
