// Which image is sent when: in order, a few at a time.

import { album, State } from "./album.js";
import { chosenModel } from "./models.js";
import { classify } from "./server.js";

const PARALLEL = 4;

// Tells "busy" when the server begins or ceases to make images wait.
class Queue extends EventTarget {
  #waiting = [];
  #running = 0;
  #refused = 0;
  #abort = new AbortController();

  get isBusy() {
    return this.#refused > 0;
  }

  add(image) {
    this.#waiting.push(image);
    if (this.#running < PARALLEL) {
      this.#running += 1;
      this.#work(this.#abort.signal);
    }
  }

  cancel() {
    this.#waiting = [];
    this.#running = 0;
    this.#abort.abort();
    this.#abort = new AbortController();
  }

  async #work(signal) {
    while (this.#waiting.length && !signal.aborted) {
      await this.#askAbout(this.#waiting.shift(), signal);
    }
    if (!signal.aborted) {
      this.#running -= 1;
    }
  }

  async #askAbout(image, signal) {
    if (!album.has(image)) {
      return;
    }
    const model = chosenModel();
    const onBusy = (begins) => {
      this.#refused += begins ? 1 : -1;
      this.dispatchEvent(new Event("busy"));
    };
    try {
      const answer = await classify(image.file, { model, signal, onBusy });
      album.change(image, { state: State.ANSWERED, answer: { ...answer, model }, fault: null });
    } catch (fault) {
      if (!signal.aborted) {
        album.change(image, { state: State.FAILED, fault });
      }
    }
  }
}

export const queue = new Queue();

export function askAgain(image) {
  album.change(image, { state: State.WAITING, fault: null, answer: null });
  queue.add(image);
}
