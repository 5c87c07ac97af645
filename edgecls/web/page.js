// The page, put together.

import { album, State } from "./album.js";
import { offerCamera } from "./camera.js";
import { openDetail } from "./detail.js";
import { text, toggleLanguage, translatePage } from "./i18n.js";
import { receivePictures } from "./intake.js";
import { choices } from "./models.js";
import { announce, showProgress } from "./progress.js";
import { askAgain, queue } from "./queue.js";
import { showResults } from "./results.js";
import { watchStatus } from "./status.js";
import { wantThumbnail } from "./thumbnails.js";

const AT_ONCE = 25; // pictures that are put on the page before it may react to anything else
let stops = 0;

async function take(files) {
  const stopsBefore = stops;
  for (let start = 0; start < files.length && stops === stopsBefore; start += AT_ONCE) {
    for (const file of files.slice(start, start + AT_ONCE)) {
      const picture = album.add(file);
      wantThumbnail(picture);
      queue.add(picture);
    }
    await new Promise((resolve) => setTimeout(resolve));
  }
}

function removeAll(pictures) {
  stops += 1;
  pictures.forEach((picture) => album.remove(picture));
  document.querySelector("#files").focus();
}

translatePage();
showResults({ open: openDetail, again: askAgain });
showProgress();
receivePictures(take);
offerCamera(take);
watchStatus();

choices.addEventListener("choose", () => {
  queue.cancel();
  album.pictures.forEach(askAgain);
});
document.querySelector("#language").addEventListener("click", toggleLanguage);
document.querySelector("#stop").addEventListener("click", () => {
  queue.cancel();
  removeAll(album.pictures.filter((picture) => picture.state === State.WAITING));
  announce(text("stopped"));
});
document.querySelector("#again-all").addEventListener("click", () => {
  album.pictures.filter(({ fault }) => fault?.isPassing).forEach(askAgain);
  document.querySelector("#results").focus({ preventScroll: true }); // the button goes
});
document.querySelector("#clear").addEventListener("click", () => removeAll(album.pictures));
for (const dialog of document.querySelectorAll("dialog")) {
  dialog.querySelector(".close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) {
      dialog.close(); // a click beside it
    }
  });
}
