// A class activation as heat over an image, as edgecls/runtime/explanation.py draws it.

import { place } from "edgecls/offline/fit.js";

const MIN_SIDE = 480; // pixels of the longer side
const MAX_SIDE = 1280;
const MAX_OPACITY = 0.65;
const FAINTEST = 0.05;
const GRAYING = 0.7;
const UNSEEN_LIGHT = 0.4;
// Inferno, a tenth apart.
const COLORS = [
  [0, 0, 4],
  [22, 11, 57],
  [66, 10, 104],
  [106, 23, 110],
  [147, 38, 103],
  [188, 55, 84],
  [221, 81, 58],
  [243, 120, 25],
  [252, 165, 10],
  [246, 215, 70],
  [252, 255, 164],
];

// Returns a PNG. `activation`: {data, dims: [1, rows, columns, labels]}; `axes`: where its rows and columns look, or null.
export async function heatOver(bitmap, activation, { label, spec, axes }) {
  const [, rows, columns, labels] = activation.dims;
  const grid = surplus(activation.data, { rows, columns, labels, label });
  const longer = Math.max(bitmap.width, bitmap.height);
  const scale = Math.min(Math.max(longer, MIN_SIDE), MAX_SIDE) / longer;
  const width = Math.max(1, Math.round(bitmap.width * scale));
  const height = Math.max(1, Math.round(bitmap.height * scale));
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { alpha: false });
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  const image = context.getImageData(0, 0, width, height);
  layOver(image, spread(grid, { rows, columns, width, height, spec, axes }));
  context.putImageData(image, 0, 0);
  return canvas.convertToBlob({ type: "image/png" });
}

// What speaks for a label more than for the others, from 0 to 1.
function surplus(data, { rows, columns, labels, label }) {
  const grid = new Float64Array(rows * columns);
  for (let cell = 0; cell < grid.length; cell += 1) {
    const values = data.subarray(cell * labels, (cell + 1) * labels);
    grid[cell] = Math.max(0, values[label] - values.reduce((sum, value) => sum + value, 0) / labels);
  }
  const most = Math.max(...grid) || 1;
  return grid.map((value) => value / most);
}

// Returns {heat, top, bottom, left, right}: the heat of each pixel, and which of them the model sees.
function spread(grid, { rows, columns, width, height, spec, axes }) {
  const placed = place(spec, width, height);
  const perRow = placed.height / placed.innerHeight;
  const perColumn = placed.width / placed.innerWidth;
  const [vertical, horizontal] = axes ?? [null, null];
  const [top, tall] = vertical ? span(vertical) : [0, spec.height];
  const [left, wide] = horizontal ? span(horizontal) : [0, spec.width];
  const seen = {
    top: placed.top,
    bottom: Math.min(height, placed.top + Math.ceil(placed.height)),
    left: placed.left,
    right: Math.min(width, placed.left + Math.ceil(placed.width)),
  };
  const down = weights(height, placed.top + (top - placed.innerTop) * perRow, tall * perRow, rows);
  const across = weights(width, placed.left + (left - placed.innerLeft) * perColumn, wide * perColumn, columns);
  const heat = new Float32Array(width * height);
  let most = 0;
  for (let y = seen.top; y < seen.bottom; y += 1) {
    const line = Array.from({ length: columns }, (_, column) =>
      down[y].reduce((sum, weight, row) => sum + weight * grid[row * columns + column], 0),
    );
    for (let x = seen.left; x < seen.right; x += 1) {
      const value = across[x].reduce((sum, weight, column) => sum + weight * line[column], 0);
      heat[y * width + x] = value;
      most = Math.max(most, value);
    }
  }
  if (most) {
    const highest = Math.max(...grid);
    heat.forEach((value, index) => {
      heat[index] = (value * highest) / most;
    });
  }
  return { heat, ...seen };
}

function span({ first, step, cells }) {
  return [first - step / 2, step * cells];
}

// How much of each cell's value each pixel of a row or column takes, by a cubic B-spline.
function weights(count, start, length, cells) {
  return Array.from({ length: count }, (_, index) => {
    const at = Math.min(cells - 0.5, Math.max(0.5, ((index + 0.5 - start) * cells) / length));
    const row = Float64Array.from({ length: cells }, (__, cell) => {
      const distance = Math.abs(at - (cell + 0.5));
      return distance < 1 ? 2 / 3 - distance ** 2 + distance ** 3 / 2 : Math.max(0, 2 - distance) ** 3 / 6;
    });
    const sum = row.reduce((total, weight) => total + weight, 0);
    return row.map((weight) => weight / sum);
  });
}

function layOver({ data, width, height }, { heat, top, bottom, left, right }) {
  for (let y = 0, at = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, at += 4) {
      const value = heat[y * width + x];
      const opacity = MAX_OPACITY * Math.max(0, (value - FAINTEST) / (1 - FAINTEST));
      const gray = 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2];
      const light = y >= top && y < bottom && x >= left && x < right ? 1 : UNSEEN_LIGHT;
      const step = Math.min(COLORS.length - 2, Math.floor(value * (COLORS.length - 1)));
      const between = value * (COLORS.length - 1) - step;
      for (let c = 0; c < 3; c += 1) {
        const base = (1 - GRAYING) * data[at + c] + GRAYING * gray;
        const color = COLORS[step][c] + between * (COLORS[step + 1][c] - COLORS[step][c]);
        data[at + c] = light * (opacity * color + (1 - opacity) * base);
      }
    }
  }
}
