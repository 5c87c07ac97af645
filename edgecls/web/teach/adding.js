// Images on their way into the dataset, a few at a time.

import { addImage } from "./api.js";

const PARALLEL = 2;
const batches = []; // all of this page: a photo of the camera may come late
const underWay = new Set(); // promises of single images
let held = null; // a promise that no further image is sent before

// Returns a batch for a label; its images are undone together.
export function newBatch(label) {
  const batch = { name: `${Date.now()}-${Math.random().toString(36).slice(2, 8)}`, label, isOver: false };
  batches.push(batch);
  return batch;
}

// Adds images to the label of a batch until it is over, and returns what has become of them.
export async function addToBatch(files, batch, tellLeft) {
  const outcome = { added: 0, known: 0, moved: [], faults: [] };
  const waiting = [...files];
  const work = async () => {
    for (;;) {
      while (held) {
        await held;
      }
      if (batch.isOver || !waiting.length) {
        return;
      }
      const sent = send(waiting.shift(), batch, outcome).finally(() => underWay.delete(sent));
      underWay.add(sent);
      await sent;
      tellLeft(waiting.length);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
  return outcome;
}

async function send(file, { name, label }, outcome) {
  try {
    const { before } = await addImage(file, { label, batch: name });
    outcome.added += before === null;
    outcome.known += before === label;
    if (before !== null && before !== label) {
      outcome.moved.push(before);
    }
  } catch (fault) {
    outcome.faults.push(`${file.name}: ${fault.message}`);
  }
}

// Changes something while no image is under way.
export async function changeBetween(action) {
  while (held) {
    await held;
  }
  let release;
  held = new Promise((resolve) => {
    release = resolve;
  });
  try {
    await Promise.all(underWay);
    await action();
  } finally {
    held = null;
    release();
  }
}

// Has what is left to add to a label, or to all of them, not added.
export function endBatches(label = null) {
  for (const batch of batches) {
    batch.isOver ||= label === null || batch.label === label;
  }
}

// Has what is left to add to a label go to it under its new name.
export function renameBatches(label, to) {
  for (const batch of batches) {
    batch.label = batch.label === label ? to : batch.label;
  }
}
