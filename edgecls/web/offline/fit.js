// Bringing pixels to a model's size, as edgecls/resize.py and edgecls/image_spec.py do it.
//
// Pixels are {data, width, height, channels}, with `data` a Uint8Array of rows.

const ONE = 2048; // the unit of weights

// Returns what the fit rule does with an image of this size: what is seen of it, and where that lies in the input.
export function place({ width: toWidth, height: toHeight, fit }, width, height) {
  if (fit === "crop") {
    const scale = Math.max(toHeight / height, toWidth / width);
    const seenHeight = Math.min(height, toHeight / scale);
    const seenWidth = Math.min(width, toWidth / scale);
    return {
      top: halfEven((height - seenHeight) / 2),
      left: halfEven((width - seenWidth) / 2),
      height: seenHeight,
      width: seenWidth,
      innerTop: 0,
      innerLeft: 0,
      innerHeight: toHeight,
      innerWidth: toWidth,
    };
  }
  const whole = { top: 0, left: 0, height, width };
  if (fit === "pad") {
    const scale = Math.min(toHeight / height, toWidth / width);
    const innerHeight = Math.min(toHeight, Math.max(1, halfEven(height * scale)));
    const innerWidth = Math.min(toWidth, Math.max(1, halfEven(width * scale)));
    const innerTop = Math.floor((toHeight - innerHeight) / 2);
    const innerLeft = Math.floor((toWidth - innerWidth) / 2);
    return { ...whole, innerTop, innerLeft, innerHeight, innerWidth };
  }
  return { ...whole, innerTop: 0, innerLeft: 0, innerHeight: toHeight, innerWidth: toWidth };
}

// Returns the input of a model: pixels of exactly its size.
export function fit(pixels, spec) {
  if (pixels.height === spec.height && pixels.width === spec.width) {
    return pixels;
  }
  const placed = place(spec, pixels.width, pixels.height);
  const seen = crop(pixels, placed.left, placed.top, Math.ceil(placed.width), Math.ceil(placed.height));
  const inner = resize(seen, placed.innerWidth, placed.innerHeight, placed.width, placed.height);
  if (inner.height === spec.height && inner.width === spec.width) {
    return inner;
  }
  const { channels } = pixels;
  const padded = new Uint8Array(spec.height * spec.width * channels);
  for (let y = 0; y < inner.height; y += 1) {
    const row = inner.data.subarray(y * inner.width * channels, (y + 1) * inner.width * channels);
    padded.set(row, ((placed.innerTop + y) * spec.width + placed.innerLeft) * channels);
  }
  return { data: padded, width: spec.width, height: spec.height, channels };
}

// Halves as long as a side is at least twice its target, then interpolates to the double target, then halves again.
// `exactWidth`, `exactHeight`: the true size of what the pixels show, which may end within a pixel.
export function resize(pixels, width, height, exactWidth = pixels.width, exactHeight = pixels.height) {
  for (;;) {
    const stepX = pixels.width >= 2 * width ? 2 : 1;
    const stepY = pixels.height >= 2 * height ? 2 : 1;
    if (stepX === 1 && stepY === 1) {
      break;
    }
    pixels = means(pixels, stepX, stepY);
    exactWidth /= stepX;
    exactHeight /= stepY;
  }
  if (exactWidth === width && exactHeight === height) {
    return pixels;
  }
  if (exactWidth <= width && exactHeight <= height) {
    return interpolated(pixels, width, height, exactWidth, exactHeight);
  }
  return means(interpolated(pixels, 2 * width, 2 * height, exactWidth, exactHeight), 2, 2);
}

function crop(pixels, left, top, width, height) {
  width = Math.min(width, pixels.width - left);
  height = Math.min(height, pixels.height - top);
  if (width === pixels.width && height === pixels.height) {
    return pixels;
  }
  const { channels } = pixels;
  const data = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y += 1) {
    const start = ((top + y) * pixels.width + left) * channels;
    data.set(pixels.data.subarray(start, start + width * channels), y * width * channels);
  }
  return { data, width, height, channels };
}

// Shrinks by the means of `stepX` x `stepY` pixels; what is left over at the right and the bottom is dropped.
function means(pixels, stepX, stepY) {
  const { data, channels } = pixels;
  const width = Math.floor(pixels.width / stepX);
  const height = Math.floor(pixels.height / stepY);
  const result = new Uint8Array(width * height * channels);
  const count = stepX * stepY;
  const right = stepX === 2 ? channels : 0;
  const below = stepY === 2 ? pixels.width * channels : 0;
  let to = 0;
  for (let y = 0; y < height; y += 1) {
    let from = y * stepY * pixels.width * channels;
    for (let x = 0; x < width; x += 1) {
      for (let c = 0; c < channels; c += 1, from += 1, to += 1) {
        const sum =
          count === 4
            ? data[from] + data[from + right] + data[from + below] + data[from + right + below]
            : data[from] + data[from + right + below];
        result[to] = (sum + count / 2) >> (count / 2);
      }
      from += (stepX - 1) * channels;
    }
  }
  return { data: result, width, height, channels };
}

// With whole numbers, rounded at the steps at which OpenCV rounds them.
function interpolated(pixels, width, height, exactWidth, exactHeight) {
  const { channels } = pixels;
  const columns = positions(width, width / exactWidth, pixels.width);
  const rows = positions(height, height / exactHeight, pixels.height);
  const stretched = new Map(); // rows of the source, as wide as the result
  const result = new Uint8Array(width * height * channels);
  let to = 0;
  for (let y = 0; y < height; y += 1) {
    const [first, second] = [rows.first[y], rows.second[y]];
    for (const row of stretched.keys()) {
      if (row < first) {
        stretched.delete(row);
      }
    }
    for (const row of [first, second]) {
      if (!stretched.has(row)) {
        stretched.set(row, stretchedRow(pixels, row, columns));
      }
    }
    const [above, under] = [stretched.get(first), stretched.get(second)];
    const [near, far] = [rows.firstWeight[y], rows.secondWeight[y]];
    for (let index = 0; index < above.length; index += 1, to += 1) {
      result[to] = (((near * (above[index] >> 4)) >> 16) + ((far * (under[index] >> 4)) >> 16) + 2) >> 2;
    }
  }
  return { data: result, width, height, channels };
}

function stretchedRow({ data, width, channels }, row, { first, second, firstWeight, secondWeight }) {
  const start = row * width * channels;
  const result = new Int32Array(first.length * channels);
  let to = 0;
  for (let x = 0; x < first.length; x += 1) {
    const left = start + first[x] * channels;
    const right = start + second[x] * channels;
    for (let c = 0; c < channels; c += 1, to += 1) {
      result[to] = data[left + c] * firstWeight[x] + data[right + c] * secondWeight[x];
    }
  }
  return result;
}

// For each of `count` pixels, which two it lies between and their weights; beyond the edges the outermost goes on.
function positions(count, factor, available) {
  const first = new Int32Array(count);
  const second = new Int32Array(count);
  const firstWeight = new Int32Array(count);
  const secondWeight = new Int32Array(count);
  for (let index = 0; index < count; index += 1) {
    const at = Math.min(available - 1, Math.max(0, Math.fround((index + 0.5) / factor - 0.5)));
    const before = Math.floor(at);
    const share = Math.fround(at - before);
    first[index] = before;
    second[index] = Math.min(available - 1, before + 1);
    firstWeight[index] = halfEven(Math.fround(1 - share) * ONE);
    secondWeight[index] = halfEven(share * ONE);
  }
  return { first, second, firstWeight, secondWeight };
}

// Rounds halves to the even neighbour, as Python does.
function halfEven(value) {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
