// The page, put together.

import { album, State } from "./album.js";
import { offerCamera } from "./camera.js";
import { openDetail } from "./detail.js";
import { text, toggleLanguage, translatePage } from "./i18n.js";
import { receiveImages } from "./intake.js";
import { choices } from "./models.js";
import { announce, showProgress } from "./progress.js";
import { askAgain, queue } from "./queue.js";
import { showResults } from "./results.js";
import { watchStatus } from "./status.js";
import { wantThumbnail } from "./thumbnails.js";

const AT_ONCE = 25; // images that are put on the page before it may react to anything else
let stops = 0;

async function take(files) {
  const stopsBefore = stops;
  for (let start = 0; start < files.length && stops === stopsBefore; start += AT_ONCE) {
    for (const file of files.slice(start, start + AT_ONCE)) {
      const image = album.add(file);
      wantThumbnail(image);
      queue.add(image);
    }
    await new Promise((resolve) => setTimeout(resolve));
  }
}

function removeAll(images) {
  stops += 1;
  images.forEach((image) => album.remove(image));
  document.querySelector("#files").focus();
}

translatePage();
showResults({ open: openDetail, again: askAgain });
showProgress();
receiveImages(take);
offerCamera(take);
watchStatus();

choices.addEventListener("choose", () => {
  queue.cancel();
  album.images.forEach(askAgain);
});
document.querySelector("#language").addEventListener("click", toggleLanguage);
document.querySelector("#stop").addEventListener("click", () => {
  queue.cancel();
  removeAll(album.images.filter((image) => image.state === State.WAITING));
  announce(text("stopped"));
});
document.querySelector("#again-all").addEventListener("click", () => {
  album.images.filter(({ fault }) => fault?.isPassing).forEach(askAgain);
  document.querySelector("#results").focus({ preventScroll: true }); // the button goes
});
document.querySelector("#clear").addEventListener("click", () => removeAll(album.images));
for (const dialog of document.querySelectorAll("dialog")) {
  dialog.querySelector(".close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) {
      dialog.close(); // a click beside it
    }
  });
}
