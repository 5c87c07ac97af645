// The Exif orientation of WebP, which some browsers apply and others, Chromium among them, do not.

const ORIENTATION = 0x0112; // tag
// A WebP of 2 x 1 pixels with orientation 6; where browsers turn it, it is 1 x 2.
const PROBE = "UklGRk4AAABXRUJQVlA4WAoAAAAIAAAAAQAAAAAAVlA4TA4AAAAvAQAAAAcQEf0PRET/A0VYSUYaAAAATU0AKgAAAAgAAQESAAMAAAABAAYAAAAAAAA=";

let isApplied = null;

// Returns the bitmap as it is to be seen; `bitmap` itself if the browser has turned it, or nothing is to be turned.
export async function upright(bitmap, bytes) {
  const orientation = orientationOf(bytes);
  if (orientation === 1) {
    return bitmap;
  }
  isApplied ??= await appliesOrientation();
  return isApplied ? bitmap : turned(bitmap, orientation);
}

async function appliesOrientation() {
  const bytes = Uint8Array.from(atob(PROBE), (letter) => letter.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/webp" }), { imageOrientation: "from-image" });
  return bitmap.width === 1;
}

function turned(bitmap, orientation) {
  const { width, height } = bitmap;
  const isOnItsSide = orientation >= 5;
  const canvas = new OffscreenCanvas(isOnItsSide ? height : width, isOnItsSide ? width : height);
  const context = canvas.getContext("2d");
  const matrices = {
    2: [-1, 0, 0, 1, width, 0],
    3: [-1, 0, 0, -1, width, height],
    4: [1, 0, 0, -1, 0, height],
    5: [0, 1, 1, 0, 0, 0],
    6: [0, 1, -1, 0, height, 0],
    7: [0, -1, -1, 0, height, width],
    8: [0, -1, 1, 0, 0, width],
  };
  context.setTransform(...matrices[orientation]);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return canvas.transferToImageBitmap();
}

// Returns 1 to 8; 1, upright, for what is no WebP or does not say.
function orientationOf(bytes) {
  const name = (at) => String.fromCharCode(...bytes.subarray(at, at + 4));
  if (name(0) !== "RIFF" || name(8) !== "WEBP" || name(12) !== "VP8X" || !(bytes[20] & 0x08)) {
    return 1;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    for (let at = 12; at + 8 <= bytes.length; ) {
      const length = view.getUint32(at + 4, true);
      if (name(at) === "EXIF") {
        return orientationIn(view, at + 8 + (name(at + 8) === "Exif" ? 6 : 0));
      }
      at += 8 + length + (length & 1);
    }
  } catch {
    // A damaged block leaves the image upright.
  }
  return 1;
}

function orientationIn(view, start) {
  const isLittle = view.getUint16(start) === 0x4949;
  const directory = start + view.getUint32(start + 4, isLittle);
  for (let index = 0; index < view.getUint16(directory, isLittle); index += 1) {
    const entry = directory + 2 + 12 * index;
    if (view.getUint16(entry, isLittle) === ORIENTATION) {
      const value = view.getUint16(entry + 8, isLittle);
      return value >= 1 && value <= 8 ? value : 1;
    }
  }
  return 1;
}
