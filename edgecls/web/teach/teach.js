// The tab in which models are taught; loaded only from a server that was started for it.

import { addTexts, translatePart } from "../i18n.js";
import { divertImages } from "../intake.js";
import { addImages, showLabels } from "./labels.js";
import { watch } from "./state.js";
import en from "./text_en.js";
import zh from "./text_zh.js";
import { showTraining } from "./training.js";
import { showVersions } from "./versions.js";

let offering = null;

export function offerTeaching() {
  offering ??= begin();
  return offering;
}

async function begin() {
  addTexts({ en, zh });
  const page = await (await fetch("web/teach/teach.html")).text();
  await styled("web/teach/teach.css");
  const parts = new DOMParser().parseFromString(page, "text/html").body.children;
  const main = document.querySelector("main");
  const [tabs, section] = [...parts];
  translatePart(tabs);
  translatePart(section);
  main.before(tabs, section);
  showLabels();
  showTraining();
  showVersions();
  const [classify, teach] = ["#classify-tab", "#teach-tab"].map((id) => document.querySelector(id));
  const choose = (isTeaching) => {
    main.hidden = isTeaching;
    section.hidden = !isTeaching;
    classify.setAttribute("aria-selected", String(!isTeaching));
    teach.setAttribute("aria-selected", String(isTeaching));
    classify.tabIndex = isTeaching ? -1 : 0;
    teach.tabIndex = isTeaching ? 0 : -1;
    divertImages(isTeaching ? addImages : null);
    watch(isTeaching);
  };
  classify.addEventListener("click", () => choose(false));
  teach.addEventListener("click", () => choose(true));
  tabs.addEventListener("keydown", (event) => {
    if (["ArrowLeft", "ArrowRight"].includes(event.key)) {
      const other = teach.tabIndex === 0 ? classify : teach;
      other.focus();
      other.click();
    }
  });
  choose(location.hash === "#teach");
}

function styled(address) {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = address;
  document.head.append(link);
  return new Promise((resolve) => {
    link.addEventListener("load", resolve);
    link.addEventListener("error", resolve);
  });
}
