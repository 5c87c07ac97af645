// Images from the camera, where there is one that pages may use (over HTTPS, or on the same machine).

import { languages, text } from "./i18n.js";

const QUALITY = 0.92;
const SERIES_STARTS_MS = 400; // after which a click becomes a series
const SERIES_EVERY_MS = 200;
const REASONS = {
  NotAllowedError: "camera_refused",
  SecurityError: "camera_refused",
  NotFoundError: "camera_missing",
  OverconstrainedError: "camera_missing",
};

const dialog = document.querySelector("#camera");
const video = document.querySelector("#camera-video");
const note = document.querySelector("#camera-note");
const shutter = document.querySelector("#shutter");
const other = document.querySelector("#other-camera");
let facing = "environment";
let taken = 0;
let taker = null; // what is called with each image
let isHeld = false; // the shutter is, for a series

export function hasCamera() {
  return Boolean(navigator.mediaDevices?.getUserMedia);
}

// Has `take` called with each image as a file.
export function offerCamera(take) {
  if (!hasCamera()) {
    return;
  }
  const button = document.querySelector("#camera-button");
  button.hidden = false;
  button.addEventListener("click", () => openCamera(take));
  shutter.addEventListener("click", shoot);
}

// Opens the camera; with `series`, images are taken as long as the shutter is held.
export function openCamera(take, { series = false } = {}) {
  taken = 0;
  taker = take;
  note.textContent = series ? text("camera_series") : "";
  dialog.dataset.series = series ? "on" : "";
  dialog.showModal();
  start();
}

async function shoot() {
  taker([await photograph()]);
  taken += 1;
  note.textContent = text("taken", { count: taken });
}

async function shootWhileHeld() {
  await pause(SERIES_STARTS_MS);
  while (isHeld && dialog.open) {
    await shoot();
    await pause(SERIES_EVERY_MS);
  }
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function start() {
  stop();
  shutter.disabled = true;
  try {
    const stream = await navigator.mediaDevices.getUserMedia({
      video: { facingMode: facing, width: { ideal: 1920 }, height: { ideal: 1080 } },
    });
    if (!dialog.open) {
      stream.getTracks().forEach((track) => track.stop());
      return;
    }
    video.srcObject = stream;
    await video.play();
    shutter.disabled = false;
    shutter.focus();
    const devices = await navigator.mediaDevices.enumerateDevices();
    other.hidden = devices.filter((device) => device.kind === "videoinput").length < 2;
  } catch (error) {
    if (dialog.open) {
      note.textContent = text(REASONS[error.name] ?? "camera_fault");
    }
  }
}

function stop() {
  video.srcObject?.getTracks().forEach((track) => track.stop());
  video.srcObject = null;
}

async function photograph() {
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d").drawImage(video, 0, 0);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
  const time = new Date().toISOString().slice(0, 23).replaceAll(":", "-");
  return new File([blob], `${text("camera_file")} ${time}.jpg`, { type: blob.type });
}

function hold() {
  if (dialog.dataset.series && !isHeld && !shutter.disabled) {
    isHeld = true;
    shootWhileHeld();
  }
}

function letGo() {
  isHeld = false;
}

shutter.addEventListener("pointerdown", hold);
shutter.addEventListener("keydown", (event) => [" ", "Enter"].includes(event.key) && hold());
for (const what of ["pointerup", "pointerleave", "pointercancel", "keyup", "blur"]) {
  shutter.addEventListener(what, letGo);
}
other.addEventListener("click", () => {
  facing = facing === "environment" ? "user" : "environment";
  start();
});
dialog.addEventListener("close", () => {
  letGo();
  stop();
});
languages.addEventListener("change", () => {
  note.textContent = "";
});
