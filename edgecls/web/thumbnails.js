// Small copies of pictures: hundreds of them whole would take gigabytes.

import { album } from "./album.js";

const WIDTH = 320; // pixels
const PARALLEL = 2;
const QUALITY = 0.8;

const waiting = [];
let running = 0;

export function wantThumbnail(picture) {
  waiting.push(picture);
  if (running < PARALLEL) {
    running += 1;
    work();
  }
}

async function work() {
  while (waiting.length) {
    const picture = waiting.shift();
    if (album.has(picture)) {
      const thumbnail = await smallCopy(picture.file);
      if (album.has(picture)) {
        album.change(picture, { thumbnail });
      } else {
        URL.revokeObjectURL(thumbnail);
      }
    }
  }
  running -= 1;
}

// Returns its address, or "" where the browser cannot read the picture.
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
