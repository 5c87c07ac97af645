// The upload page: pictures go to POST predict one by one, in order, two at a time.

const PARALLEL = 2;

const results = document.querySelector("#results");
const progress = document.querySelector("#progress");
const drop = document.querySelector("#drop");
const input = document.querySelector("#files");
const queue = [];
let running = 0;
let done = 0;
let total = 0;

function addPictures(files) {
  for (const file of files) {
    const card = document.querySelector("#card").content.firstElementChild.cloneNode(true);
    const picture = card.querySelector("img");
    picture.src = URL.createObjectURL(file);
    picture.addEventListener("load", () => URL.revokeObjectURL(picture.src));
    picture.addEventListener("error", () => picture.classList.add("broken"));
    card.querySelector(".name").textContent = file.name;
    results.append(card);
    queue.push({ file, card });
    total += 1;
  }
  while (running < PARALLEL && queue.length) {
    running += 1;
    work();
  }
  showProgress();
}

async function work() {
  while (queue.length) {
    const { file, card } = queue.shift();
    try {
      showAnswer(card, await classify(file));
    } catch (error) {
      showError(card, error.message);
    }
    done += 1;
    showProgress();
  }
  running -= 1;
}

async function classify(file) {
  let response;
  try {
    response = await fetch(`predict/${encodeURIComponent(file.name)}`, { method: "POST", body: file });
  } catch {
    throw new Error("the server cannot be reached; is it still running?");
  }
  const answer = await response.json();
  if (!response.ok) {
    throw new Error(answer.error.message);
  }
  return answer;
}

function showAnswer(card, answer) {
  card.classList.add("answered");
  card.classList.toggle("unknown", !answer.known);
  card.querySelector(".answer").textContent = answer.known ? answer.label : "unknown (none of these is sure enough)";
  for (const { label, probability } of answer.top) {
    const row = document.querySelector("#score").content.firstElementChild.cloneNode(true);
    row.querySelector(".label").textContent = label;
    row.querySelector("meter").value = probability;
    row.querySelector("meter").setAttribute("aria-label", label);
    row.querySelector(".value").textContent = `${(100 * probability).toFixed(1)} %`;
    card.querySelector(".scores").append(row);
  }
}

function showError(card, message) {
  card.classList.add("failed");
  card.querySelector(".answer").textContent = message;
}

function showProgress() {
  progress.textContent = total ? `${done} of ${total} done` : "";
}

async function showModel() {
  const line = document.querySelector("#model");
  for (;;) {
    try {
      const response = await fetch("readyz");
      const state = await response.json();
      if (response.ok) {
        line.textContent = `${state.model}: ${state.labels.length} labels, runs on ${state.provider}`;
        return;
      }
      line.textContent = state.error.message;
    } catch {
      line.textContent = "the server cannot be reached";
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

input.addEventListener("change", () => {
  addPictures(input.files);
  input.value = "";
});
for (const kind of ["dragenter", "dragover"]) {
  drop.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
for (const kind of ["dragleave", "drop"]) {
  drop.addEventListener(kind, () => drop.classList.remove("over"));
}
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  addPictures(event.dataTransfer.files);
});
showModel();
