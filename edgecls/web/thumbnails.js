// Small copies of images: hundreds of them whole would take gigabytes.

import { album } from "./album.js";

const WIDTH = 320; // pixels
const PARALLEL = 2;
const QUALITY = 0.8;

const waiting = [];
let running = 0;

export function wantThumbnail(image) {
  waiting.push(image);
  if (running < PARALLEL) {
    running += 1;
    work();
  }
}

async function work() {
  while (waiting.length) {
    const image = waiting.shift();
    if (album.has(image)) {
      const thumbnail = await smallCopy(image.file);
      if (album.has(image)) {
        album.change(image, { thumbnail });
      } else {
        URL.revokeObjectURL(thumbnail);
      }
    }
  }
  running -= 1;
}

// Returns its address, or "" where the browser cannot read the image.
async function smallCopy(file) {
  try {
    const bitmap = await createImageBitmap(file, { resizeWidth: WIDTH, resizeQuality: "medium" });
    const canvas = document.createElement("canvas");
    canvas.width = bitmap.width;
    canvas.height = Math.min(bitmap.height, 3 * WIDTH);
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    bitmap.close();
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/webp", QUALITY));
    return URL.createObjectURL(blob);
  } catch {
    return "";
  }
}
