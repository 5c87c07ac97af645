// What the browser remembers for the user; nothing where its storage is switched off.

export function recall(storage, name) {
  try {
    return window[storage].getItem(name);
  } catch {
    return null;
  }
}

export function remember(storage, name, value) {
  try {
    window[storage].setItem(name, value);
  } catch {
    // It then holds until the page is left.
  }
}
