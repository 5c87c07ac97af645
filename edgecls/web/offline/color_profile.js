// Colours of images with an ICC profile, converted to sRGB as edgecls/image_formats/color_profile.py does it.

const TONE_STEPS = 1 << 12;
const MAX_PROFILE_BYTES = 1 << 20;
const SAME = 1; // a difference in levels of 255 that is not worth converting
const SRGB_FROM_XYZ_D50 = [
  [3.1338564, -1.6168668, -0.4906148],
  [-0.9787686, 1.9161416, 0.0334541],
  [0.0719452, -0.2289913, 1.4052427],
];

const PRIMARIES = {
  9: [[0.67348, 0.27904, -0.00194], [0.16566, 0.67534, 0.02998], [0.12505, 0.04561, 0.79686]],
  12: [[0.51512, 0.2412, -0.00105], [0.29198, 0.69225, 0.04189], [0.1571, 0.06657, 0.78407]],
}; // BT.2020 and Display P3, by the numbers of ITU-T H.273: XYZ under D50 of red, green and blue
const SDR_TRANSFERS = [1, 2, 6, 13, 14, 15];

let levels = null;

// Converts pixels ({data, channels: 3}) in place, where the profile in the file demands it.
export async function convertToSrgb(pixels, bytes) {
  const profile = await profileOf(bytes);
  const conversion = profile && profile.length <= MAX_PROFILE_BYTES ? conversionOf(profile) : conversionByNumbers(bytes);
  if (conversion) {
    applied(conversion, pixels.data);
  }
}

// Changes levels, red, green and blue in turn, and returns them.
export function applied({ linear, matrix }, data) {
  levels ??= levelsOfLight();
  for (let at = 0; at < data.length; at += 3) {
    const red = linear[0][data[at]];
    const green = linear[1][data[at + 1]];
    const blue = linear[2][data[at + 2]];
    for (let c = 0; c < 3; c += 1) {
      const light = matrix[c][0] * red + matrix[c][1] * green + matrix[c][2] * blue;
      data[at + c] = levels[Math.round(Math.min(1, Math.max(0, light)) * (TONE_STEPS - 1))];
    }
  }
  return data;
}

function levelsOfLight() {
  return Uint8Array.from({ length: TONE_STEPS }, (_, step) => {
    const light = step / (TONE_STEPS - 1);
    return Math.round(255 * (light <= 0.0031308 ? 12.92 * light : 1.055 * light ** (1 / 2.4) - 0.055));
  });
}

// Returns how colours become those of sRGB; null if they are the same, or the profile is damaged or has no matrix.
export function conversionOf(profile) {
  try {
    const view = new DataView(profile.buffer, profile.byteOffset, profile.byteLength);
    const name = (at) => String.fromCharCode(...profile.subarray(at, at + 4));
    if (name(36) !== "acsp" || !["mntr", "scnr", "spac", "prtr"].includes(name(12)) || name(16) !== "RGB " || name(20) !== "XYZ ") {
      return null;
    }
    const tags = {};
    for (let index = 0; index < Math.min(view.getUint32(128), 200); index += 1) {
      const entry = 132 + 12 * index;
      const [offset, size] = [view.getUint32(entry + 4), view.getUint32(entry + 8)];
      if (offset + size <= profile.length) {
        tags[name(entry)] = [offset, size];
      }
    }
    const primaries = ["rXYZ", "gXYZ", "bXYZ"].map((tag) => xyz(view, name, tags[tag][0]));
    const linear = ["rTRC", "gTRC", "bTRC"].map((tag) => toneCurve(view, name, ...tags[tag]));
    const matrix = matrixOf(primaries);
    return isWorthwhile({ linear, matrix }) ? { linear, matrix } : null;
  } catch {
    return null;
  }
}

function matrixOf(primaries) {
  return SRGB_FROM_XYZ_D50.map((row) => primaries.map((primary) => row.reduce((sum, factor, axis) => sum + factor * primary[axis], 0)));
}

// Returns how colours that an AVIF or HEIC gives by numbers become those of sRGB; null if they are left alone.
export function conversionByNumbers(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    const found = ascii(bytes, 4, 4) === "ftyp" ? colorProperty(bytes, view, 0, bytes.length, ["nclx"]) : null;
    const primaries = found && PRIMARIES[view.getUint16(found[0])];
    if (!primaries || !SDR_TRANSFERS.includes(view.getUint16(found[0] + 2))) {
      return null;
    }
    const tones = Float32Array.from({ length: 256 }, (_, level) => {
      const value = level / 255;
      return value >= 0.04045 ? ((value + 0.055) / 1.055) ** 2.4 : value / 12.92;
    });
    return { linear: [tones, tones, tones], matrix: matrixOf(primaries) };
  } catch {
    return null;
  }
}

function isWorthwhile(conversion) {
  if (![...conversion.linear.flatMap((curve) => [...curve]), ...conversion.matrix.flat()].every(Number.isFinite)) {
    return false;
  }
  const steps = Array.from({ length: 9 }, (_, index) => Math.round((index * 255) / 8));
  const colors = steps.flatMap((red) => steps.flatMap((green) => steps.flatMap((blue) => [red, green, blue])));
  const converted = applied(conversion, Uint8Array.from(colors));
  return colors.some((level, index) => Math.abs(level - converted[index]) > SAME);
}

function xyz(view, name, offset) {
  if (name(offset) !== "XYZ ") {
    throw new RangeError("no XYZ value");
  }
  return [8, 12, 16].map((at) => view.getInt32(offset + at) / 65536);
}

// Returns the linear light of each level, from 0 to 1.
function toneCurve(view, name, offset, size) {
  const curve = (value) => Float32Array.from({ length: 256 }, (_, level) => Math.min(1, Math.max(0, value(level / 255))));
  if (name(offset) === "curv") {
    const count = view.getUint32(offset + 8);
    if (count === 0) {
      return curve((level) => level);
    }
    if (count === 1) {
      const gamma = view.getUint16(offset + 12) / 256;
      return curve((level) => level ** gamma);
    }
    if (12 + 2 * count > size) {
      throw new RangeError("the curve is cut short");
    }
    const entry = (index) => view.getUint16(offset + 12 + 2 * index) / 65535;
    return curve((level) => {
      const at = level * (count - 1);
      const before = Math.min(count - 2, Math.floor(at));
      return entry(before) + (at - before) * (entry(before + 1) - entry(before));
    });
  }
  if (name(offset) !== "para") {
    throw new RangeError("no tone curve");
  }
  const kind = view.getUint16(offset + 8);
  const given = Array.from({ length: [1, 3, 4, 5, 7][kind] }, (_, index) => view.getInt32(offset + 12 + 4 * index) / 65536);
  const [g, a, b, c, d, e, f] = parameters(kind, given);
  return curve((level) => (level >= d ? Math.max(0, a * level + b) ** g + e : c * level + f));
}

// Returns the parameters of the most general function, y = (ax + b)^g + e from d up, and cx + f below.
function parameters(kind, [g, a, b, c, d, e, f]) {
  switch (kind) {
    case 0:
      return [g, 1, 0, 0, 0, 0, 0];
    case 1:
    case 2: {
      const base = kind === 2 ? c : 0;
      return [g, a, b, 0, a ? -b / a : 0, base, base];
    }
    case 3:
      return [g, a, b, c, d, 0, 0];
    default:
      return [g, a, b, c, d, e, f];
  }
}

// Returns the ICC profile in an encoded image, or null.
async function profileOf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    if (bytes[0] === 0xff && bytes[1] === 0xd8) {
      return profileOfJpeg(bytes, view);
    }
    if (bytes[0] === 0x89 && ascii(bytes, 1, 3) === "PNG") {
      return await profileOfPng(bytes, view);
    }
    if (ascii(bytes, 0, 4) === "RIFF" && ascii(bytes, 8, 4) === "WEBP") {
      return profileOfWebp(bytes, view);
    }
    const found = ascii(bytes, 4, 4) === "ftyp" ? colorProperty(bytes, view, 0, bytes.length, ["prof", "rICC"]) : null;
    return found && bytes.subarray(...found);
  } catch {
    return null;
  }
}

function ascii(bytes, at, length) {
  return String.fromCharCode(...bytes.subarray(at, at + length));
}

function profileOfJpeg(bytes, view) {
  const pieces = new Map();
  let at = 2;
  while (at + 4 <= bytes.length && bytes[at] === 0xff && bytes[at + 1] !== 0xda) {
    const length = view.getUint16(at + 2);
    if (bytes[at + 1] === 0xe2 && ascii(bytes, at + 4, 12) === "ICC_PROFILE\0" && !pieces.has(bytes[at + 16])) {
      pieces.set(bytes[at + 16], bytes.subarray(at + 18, at + 2 + length));
    }
    at += 2 + length;
  }
  return joined([...pieces].sort(([one], [other]) => one - other).map(([, piece]) => piece));
}

function joined(pieces) {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole.length ? whole : null;
}

async function profileOfPng(bytes, view) {
  for (let at = 8; at + 12 <= bytes.length; at += 12 + view.getUint32(at)) {
    if (ascii(bytes, at + 4, 4) === "iCCP") {
      const body = bytes.subarray(at + 8, at + 8 + view.getUint32(at));
      return await inflated(body.subarray(body.indexOf(0) + 2));
    }
  }
  return null;
}

async function inflated(compressed) {
  const reader = new Blob([compressed]).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  const pieces = [];
  for (let size = 0; size <= MAX_PROFILE_BYTES; ) {
    const { done, value } = await reader.read();
    if (done) {
      return joined(pieces);
    }
    pieces.push(value);
    size += value.length;
  }
  await reader.cancel();
  return null;
}

function profileOfWebp(bytes, view) {
  if (ascii(bytes, 12, 4) !== "VP8X" || !(bytes[20] & 0x20)) {
    return null;
  }
  for (let at = 12; at + 8 <= bytes.length; ) {
    const length = view.getUint32(at + 4, true);
    if (ascii(bytes, at, 4) === "ICCP") {
      return bytes.subarray(at + 8, at + 8 + length);
    }
    at += 8 + length + (length & 1);
  }
  return null;
}

// AVIF, HEIC: begin and end of the first description of colours, of some kinds, among the properties of all images.
function colorProperty(bytes, view, start, end, kinds) {
  while (start + 8 <= end) {
    const size = view.getUint32(start) || end - start;
    const kind = ascii(bytes, start + 4, 4);
    if (kind === "colr" && kinds.includes(ascii(bytes, start + 8, 4))) {
      return [start + 12, start + size];
    }
    if (["meta", "iprp", "ipco"].includes(kind)) {
      const found = colorProperty(bytes, view, start + (kind === "meta" ? 12 : 8), start + size, kinds);
      if (found) {
        return found;
      }
    }
    if (size < 8) {
      return null;
    }
    start += size;
  }
  return null;
}
