// Encoded images to the input of a model, decoded by the browser.

import { Fault } from "edgecls/fault.js";
import { convertToSrgb } from "edgecls/offline/color_profile.js";
import { fit } from "edgecls/offline/fit.js";
import { upright } from "edgecls/offline/webp_orientation.js";

const MAX_PIXELS = 100_000_000;

// Returns {input, bitmap}: the bytes that a model of this image spec takes, and the whole image, to be closed.
export async function decoded(file, spec) {
  if (file.size === 0) {
    throw new Fault("EmptyFile", "", false);
  }
  const bytes = new Uint8Array(await read(file));
  const bitmap = await upright(await bitmapOf(file), bytes);
  if (bitmap.width * bitmap.height > MAX_PIXELS) {
    bitmap.close();
    throw new Fault("ImageTooLargeError", `${bitmap.width} × ${bitmap.height}`, false);
  }
  const fitted = fit(pixelsOf(bitmap), spec);
  await convertToSrgb(fitted, bytes);
  return { input: spec.color === "gray" ? luminance(fitted.data) : fitted.data, bitmap };
}

async function read(file) {
  try {
    return await file.arrayBuffer();
  } catch {
    throw new Fault("FileGone", "", false);
  }
}

async function bitmapOf(file) {
  try {
    return await createImageBitmap(file, { imageOrientation: "from-image", colorSpaceConversion: "none" });
  } catch {
    throw new Fault("NotDecodable", file.name, false);
  }
}

// Transparency is laid over white.
function pixelsOf(bitmap) {
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  const { data: rgba } = context.getImageData(0, 0, width, height);
  const data = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    data[to] = rgba[from];
    data[to + 1] = rgba[from + 1];
    data[to + 2] = rgba[from + 2];
  }
  return { data, width, height, channels: 3 };
}

// By the weights and the rounding of OpenCV.
function luminance(rgb) {
  const gray = new Uint8Array(rgb.length / 3);
  for (let from = 0, to = 0; to < gray.length; from += 3, to += 1) {
    gray[to] = (rgb[from] * 4899 + rgb[from + 1] * 9617 + rgb[from + 2] * 1868 + 8192) >> 14;
  }
  return gray;
}
