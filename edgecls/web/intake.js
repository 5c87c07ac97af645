// How images come in: chosen, dropped (folders too) or pasted.

const IMAGE_NAME = /\.(jpe?g|jpe|jfif|a?png|bmp|dib|webp|gif|tiff?|p[pgbn]m|avif|hei[cf]|hif)$/i;

let diverted = null;

// Has `take` called with the files.
export function receiveImages(take) {
  receiveChosen(take);
  receiveDropped((files) => (diverted ?? take)(files));
  receivePasted((files) => (diverted ?? take)(files));
}

// Has another function called with what is dropped or pasted; null for the usual one.
export function divertImages(take) {
  diverted = take;
}

function receiveChosen(take) {
  const input = document.querySelector("#files");
  input.addEventListener("change", () => {
    take([...input.files]);
    input.value = ""; // so that the same files can be chosen again
  });
}

function receiveDropped(take) {
  const notice = document.querySelector("#drop-notice");
  let inside = 0; // elements of the page that the pointer has entered and not left
  const leave = () => {
    inside = 0;
    notice.hidden = true;
  };
  addEventListener("dragenter", (event) => {
    if (event.dataTransfer.types.includes("Files")) {
      inside += 1;
      notice.hidden = false;
    }
  });
  addEventListener("dragleave", () => {
    inside -= 1;
    if (inside <= 0) {
      leave();
    }
  });
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", async (event) => {
    event.preventDefault();
    leave();
    take(await droppedFiles(event.dataTransfer));
  });
}

function receivePasted(take) {
  addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    if (files.length) {
      event.preventDefault();
      take(files);
    }
  });
}

// What is dropped has to be asked for at once; afterwards the browser has forgotten it.
async function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) {
    return [...transfer.files];
  }
  const files = [];
  for (const entry of entries) {
    files.push(...(await filesOf(entry)));
  }
  return files;
}

async function filesOf(entry) {
  if (entry.isFile) {
    return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  }
  const files = [];
  for (const child of await childrenOf(entry)) {
    if (child.isDirectory || IMAGE_NAME.test(child.name)) {
      files.push(...(await filesOf(child)));
    }
  }
  return files;
}

async function childrenOf(folder) {
  const reader = folder.createReader();
  const children = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // a hundred at a time
    if (!some.length) {
      return children.sort((one, other) => (one.name < other.name ? -1 : 1));
    }
    children.push(...some);
  }
}
