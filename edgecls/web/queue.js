// Which picture is sent when: in order, a few at a time.

import { album, State } from "./album.js";
import { chosenModel } from "./models.js";
import { classify } from "./server.js";

const PARALLEL = 4;

// Tells "busy" when the server begins or ceases to make pictures wait.
class Queue extends EventTarget {
  #waiting = [];
  #running = 0;
  #refused = 0;
  #abort = new AbortController();

  get isBusy() {
    return this.#refused > 0;
  }

  add(picture) {
    this.#waiting.push(picture);
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

  async #askAbout(picture, signal) {
    if (!album.has(picture)) {
      return;
    }
    const model = chosenModel();
    const onBusy = (begins) => {
      this.#refused += begins ? 1 : -1;
      this.dispatchEvent(new Event("busy"));
    };
    try {
      const answer = await classify(picture.file, { model, signal, onBusy });
      album.change(picture, { state: State.ANSWERED, answer: { ...answer, model }, fault: null });
    } catch (fault) {
      if (!signal.aborted) {
        album.change(picture, { state: State.FAILED, fault });
      }
    }
  }
}

export const queue = new Queue();

export function askAgain(picture) {
  album.change(picture, { state: State.WAITING, fault: null, answer: null });
  queue.add(picture);
}
