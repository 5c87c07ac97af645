// The pictures on the page and what is known of each.

export const State = Object.freeze({ WAITING: "waiting", ANSWERED: "answered", FAILED: "failed" });

let lastId = 0;

class Picture {
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

// Tells "add", "change" and "remove", each with the picture as `detail`.
class Album extends EventTarget {
  #pictures = new Map();

  get pictures() {
    return [...this.#pictures.values()];
  }

  picture(id) {
    return this.#pictures.get(id);
  }

  count(state) {
    return this.pictures.filter((picture) => picture.state === state).length;
  }

  has(picture) {
    return this.#pictures.has(picture.id);
  }

  add(file) {
    const picture = new Picture(file);
    this.#pictures.set(picture.id, picture);
    this.#tell("add", picture);
    return picture;
  }

  change(picture, facts) {
    if (this.has(picture)) {
      Object.assign(picture, facts);
      this.#tell("change", picture);
    }
  }

  remove(picture) {
    this.#pictures.delete(picture.id);
    URL.revokeObjectURL(picture.thumbnail);
    this.#tell("remove", picture);
  }

  #tell(what, picture) {
    this.dispatchEvent(new CustomEvent(what, { detail: picture }));
  }
}

export const album = new Album();
