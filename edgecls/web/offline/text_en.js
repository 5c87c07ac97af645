// The words of the page without a server, in English; all others are those of the server's page.

import words from "edgecls/base/text_en.js";

export default {
  ...words,
  privacy: "Images stay in this browser. Nothing is sent anywhere.",
  no_preview: "This browser cannot show the image.",
  time_ms: ({ time }) => `${time} ms in this browser`,
  status_title: "Model",
  unreachable: "the model cannot be opened in this browser",
  golden_passed: ({ count }) => `this browser passes all ${count} checks of the model`,
  golden_failed: ({ worst, tolerance }) =>
    `this browser fails the checks of the model (probabilities differ by up to ${worst.toPrecision(2)}, allowed are ${tolerance}). Do not rely on the results; use another browser.`,
  "error.NotDecodable": "No image that this browser can read",
  "detail.NotDecodable": "The file is damaged, or in a format that this browser does not read. Most browsers read JPEG, PNG, WebP, GIF, BMP and AVIF.",
  "detail.ImageTooLargeError": ({ message }) => `${message} pixels are more than the 100 megapixels allowed.`,
};
