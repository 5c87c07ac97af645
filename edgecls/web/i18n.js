// Which language the page speaks, and its words in it.

import { recall, remember } from "./memory.js";
import en from "./text_en.js";
import zh from "./text_zh.js";

const TEXTS = { en, zh };
const KEPT_AS = "edgecls-language";

const formats = new Map();

let language = kept() ?? (preferred().startsWith("zh") ? "zh" : "en");

// Tells "change" when the language has changed.
export const languages = new EventTarget();

export function text(key, values = {}) {
  const found = TEXTS[language][key];
  return typeof found === "function" ? found(values) : found;
}

// Adds the words of a part of the page that is loaded later.
export function addTexts(more) {
  for (const [name, words] of Object.entries(more)) {
    Object.assign(TEXTS[name], words);
  }
}

export function hasText(key) {
  return key in TEXTS[language];
}

export function percent(probability) {
  return format({ style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 }, probability);
}

export function number(value, digits = 0) {
  return format({ maximumFractionDigits: digits }, value);
}

// Formats are kept: to make one takes longer than all else about a card.
function format(options, value) {
  const key = `${language} ${JSON.stringify(options)}`;
  if (!formats.has(key)) {
    formats.set(key, new Intl.NumberFormat(language, options));
  }
  return formats.get(key).format(value);
}

export function list(words) {
  return new Intl.ListFormat(language, { type: "conjunction" }).format(words);
}

export function toggleLanguage() {
  language = language === "zh" ? "en" : "zh";
  remember("localStorage", KEPT_AS, language);
  translatePage();
  languages.dispatchEvent(new Event("change"));
}

export function translatePage() {
  document.documentElement.lang = language === "zh" ? "zh-Hans" : "en";
  translatePart(document);
  const button = document.querySelector("#language");
  button.textContent = language === "zh" ? "English" : "中文";
  button.lang = language === "zh" ? "en" : "zh-Hans";
}

// Gives the elements of a part of the page their words.
export function translatePart(part) {
  for (const element of part.querySelectorAll("[data-text]")) {
    element.textContent = text(element.dataset.text);
  }
  for (const element of part.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", text(element.dataset.label));
    if (element.matches("input[type=text]")) {
      element.placeholder = text(element.dataset.label);
    }
  }
}

function kept() {
  const choice = recall("localStorage", KEPT_AS);
  return choice in TEXTS ? choice : null;
}

function preferred() {
  return (navigator.languages ?? [navigator.language]).find((tag) => /^(en|zh)\b/i.test(tag))?.toLowerCase() ?? "en";
}
