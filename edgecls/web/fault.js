// Why an image has no answer.

// `isPassing`: the same request may succeed later.
export class Fault extends Error {
  constructor(type, message, isPassing) {
    super(message);
    this.type = type;
    this.isPassing = isPassing;
  }
}
