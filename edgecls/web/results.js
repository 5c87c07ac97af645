// The images, grouped by their labels.

import { album, State } from "./album.js";
import { answerText, showBars } from "./bars.js";
import { faultDetail, faultTitle } from "./faults.js";
import { languages, number, percent, text } from "./i18n.js";
import { chosenModel, labelsOf } from "./models.js";

const SHOWN_SCORES = 3;
const LEAST_SHOWN = 0.01;
const UNLIKE = "unlike-group"; // these four cannot be labels' keys, which begin with "="
const UNDECIDED = "undecided-group";
const FAILED = "failed-group";
const WAITING = "waiting-group";

const results = document.querySelector("#results");
const chips = document.querySelector("#chips");
const cardTemplate = document.querySelector("#card-template");
const groupTemplate = document.querySelector("#group-template");
const groups = new Map(); // key -> section
const cards = new Map(); // image's id -> card
let lastGroup = 0;

// Has `open` called with an image whose details are wanted, and `again` with one that is to be asked about again.
export function showResults({ open, again }) {
  album.addEventListener("add", ({ detail: image }) => {
    const card = cardTemplate.content.firstElementChild.cloneNode(true);
    card.dataset.id = image.id;
    card.querySelector(".open").addEventListener("click", () => open(image));
    card.querySelector(".again").addEventListener("click", () => again(image));
    cards.set(image.id, card);
    showCard(image);
  });
  album.addEventListener("change", ({ detail: image }) => showCard(image));
  album.addEventListener("remove", ({ detail: image }) => {
    const card = cards.get(image.id);
    cards.delete(image.id);
    leaveGroup(card);
  });
  languages.addEventListener("change", () => {
    album.images.forEach(showCard);
    groups.forEach(showHeading);
  });
}

function showCard(image) {
  const card = cards.get(image.id);
  const { answer, fault } = image;
  card.className = `card ${image.state}`;
  card.querySelector(".name").textContent = image.name;
  card.querySelector(".name").title = image.name;
  showThumbnail(card, image);
  const opener = card.querySelector(".open");
  opener.disabled = image.state !== State.ANSWERED;
  opener.setAttribute("aria-label", openerText(image));
  showBars(card.querySelector(".bars"), answer ? worthShowing(answer.top) : []);
  const corrected = card.querySelector(".corrected");
  corrected.hidden = image.correction === null;
  corrected.textContent = image.correction === null ? "" : text("corrected", { label: image.correction });
  card.querySelector(".fault").hidden = !fault;
  if (fault) {
    card.querySelector(".fault strong").textContent = faultTitle(fault);
    card.querySelector(".fault p").textContent = faultDetail(fault);
    card.querySelector(".again").hidden = !fault.isPassing;
    card.querySelector(".again").textContent = text("again");
  }
  enterGroup(card, groupKey(image));
}

function worthShowing(scores) {
  return scores.slice(0, SHOWN_SCORES).filter(({ probability }, index) => index === 0 || probability >= LEAST_SHOWN);
}

function openerText({ name, state, answer }) {
  if (state !== State.ANSWERED) {
    return state === State.WAITING ? text("open_waiting", { name }) : name;
  }
  return text("open", { name, label: answerText(answer), value: percent(answer.probability) });
}

function showThumbnail(card, { thumbnail, name }) {
  const thumb = card.querySelector("img");
  thumb.hidden = !thumbnail;
  if (thumbnail && thumb.getAttribute("src") !== thumbnail) {
    thumb.src = thumbnail;
  }
  card.querySelector(".suffix").textContent = thumbnail === "" ? /[^.]{0,5}$/.exec(name)[0] : "";
}

function groupKey({ state, answer }) {
  if (state === State.ANSWERED) {
    return answer.known ? `=${answer.label}` : answer.reason === "unlike" ? UNLIKE : UNDECIDED;
  }
  return state === State.FAILED ? FAILED : WAITING;
}

function enterGroup(card, key) {
  const group = groups.get(key) ?? makeGroup(key);
  if (card.closest(".group") === group) {
    return;
  }
  leaveGroup(card);
  const list = group.querySelector(".cards");
  const id = Number(card.dataset.id);
  // Cards stand in the order in which the images came; a new one mostly belongs at the end.
  let after = list.lastElementChild;
  while (after && Number(after.dataset.id) > id) {
    after = after.previousElementSibling;
  }
  list.insertBefore(card, after ? after.nextElementSibling : list.firstElementChild);
  showHeading(group);
}

function leaveGroup(card) {
  const group = card.closest(".group");
  card.remove();
  if (group) {
    if (group.querySelector(".card")) {
      showHeading(group);
    } else {
      groups.delete(group.dataset.key);
      group.remove();
      document.querySelector(`#chips a[href="#${group.id}"]`)?.remove();
    }
  }
}

function makeGroup(key) {
  const group = groupTemplate.content.firstElementChild.cloneNode(true);
  group.id = `group-${++lastGroup}`;
  group.dataset.key = key;
  group.classList.toggle("special", !key.startsWith("="));
  group.classList.toggle("unknown", key === UNLIKE || key === UNDECIDED);
  group.classList.toggle("failures", key === FAILED);
  const heading = group.querySelector("h2");
  heading.id = `${group.id}-heading`;
  heading.tabIndex = -1;
  group.setAttribute("aria-labelledby", heading.id);
  groups.set(key, group);
  const chip = document.createElement("a");
  chip.href = `#${group.id}`;
  chip.classList.toggle("fault-chip", key === FAILED);
  chip.addEventListener("click", (event) => {
    event.preventDefault(); // without a new entry in the browser's history
    group.scrollIntoView({ behavior: "instant", block: "start" });
    heading.focus({ preventScroll: true });
  });
  const next = [...groups.keys()].filter((other) => rank(other) > rank(key)).sort((a, b) => rank(a) - rank(b))[0];
  const nextGroup = next === undefined ? null : groups.get(next);
  results.insertBefore(group, nextGroup);
  chips.insertBefore(chip, nextGroup && chips.querySelector(`a[href="#${nextGroup.id}"]`));
  return group;
}

// Labels in the model's order, then what the model does not know, what failed, and what waits.
function rank(key) {
  const special = [UNDECIDED, UNLIKE, FAILED, WAITING].indexOf(key);
  const place = labelsOf(chosenModel()).indexOf(key.slice(1));
  return special >= 0 ? 1e9 + special : place < 0 ? 1e8 : place;
}

function showHeading(group) {
  const { key } = group.dataset;
  const titles = {
    [UNDECIDED]: "undecided_group",
    [UNLIKE]: "unlike_group",
    [FAILED]: "failed_group",
    [WAITING]: "waiting_group",
  };
  const label = key in titles ? text(titles[key]) : key.slice(1);
  const count = number(group.querySelector(".cards").childElementCount);
  group.querySelector(".group-label").textContent = label;
  group.querySelector(".count").textContent = count;
  const chip = chips.querySelector(`a[href="#${group.id}"]`);
  chip.textContent = "";
  const words = document.createElement("span");
  words.className = "chip-label";
  words.textContent = label;
  const figure = document.createElement("span");
  figure.className = "chip-count";
  figure.textContent = count;
  chip.append(words, " ", figure);
}
