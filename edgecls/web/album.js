// The images on the page and what is known of each.

export const State = Object.freeze({ WAITING: "waiting", ANSWERED: "answered", FAILED: "failed" });

let lastId = 0;

class Image {
  constructor(file) {
    this.id = ++lastId;
    this.file = file;
    this.name = file.name;
    this.state = State.WAITING;
    this.answer = null; // what the server says
    this.fault = null; // or why it says nothing: {type, message, isPassing}
    this.thumbnail = null; // address of a small copy
    this.correction = null; // the label that the user gave
  }
}

// Tells "add", "change" and "remove", each with the image as `detail`.
class Album extends EventTarget {
  #images = new Map();

  get images() {
    return [...this.#images.values()];
  }

  image(id) {
    return this.#images.get(id);
  }

  count(state) {
    return this.images.filter((image) => image.state === state).length;
  }

  has(image) {
    return this.#images.has(image.id);
  }

  add(file) {
    const image = new Image(file);
    this.#images.set(image.id, image);
    this.#tell("add", image);
    return image;
  }

  change(image, facts) {
    if (this.has(image)) {
      Object.assign(image, facts);
      this.#tell("change", image);
    }
  }

  remove(image) {
    this.#images.delete(image.id);
    URL.revokeObjectURL(image.thumbnail);
    this.#tell("remove", image);
  }

  #tell(what, image) {
    this.dispatchEvent(new CustomEvent(what, { detail: image }));
  }
}

export const album = new Album();
