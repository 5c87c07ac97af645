// 无服务器页面的中文文字；其余与服务器页面相同。

import words from "edgecls/base/text_zh.js";

export default {
  ...words,
  privacy: "图像只在此浏览器中处理，不会发送到任何地方。",
  no_preview: "此浏览器无法显示该图像。",
  time_ms: ({ time }) => `此浏览器中 ${time} 毫秒`,
  status_title: "模型",
  unreachable: "此浏览器无法打开模型",
  golden_passed: ({ count }) => `此浏览器通过了模型的全部 ${count} 项自检`,
  golden_failed: ({ worst, tolerance }) =>
    `此浏览器未通过模型自检（概率最大相差 ${worst.toPrecision(2)}，允许 ${tolerance}）。结果不可靠，请换用其他浏览器。`,
  "error.NotDecodable": "此浏览器无法读取该图像",
  "detail.NotDecodable": "文件已损坏，或此浏览器不支持该格式。大多数浏览器支持 JPEG、PNG、WebP、GIF、BMP 和 AVIF。",
  "detail.ImageTooLargeError": ({ message }) => `图像为 ${message} 像素，超过 1 亿像素的上限。`,
};
