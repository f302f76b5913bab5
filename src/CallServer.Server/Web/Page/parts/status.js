// Marks for how something stands: a shape and a word, so that the colour is never alone.

import { h } from "../dom.js";

const MARKS = {
  complete: ["✓", "good"],
  confirmed: ["✓", "good"],
  partial: ["◐", "warn"],
  unconfirmed: ["?", "warn"],
  waiting: ["…", "idle"],
  unasked: ["…", "idle"],
  silent: ["✕", "bad"],
  active: ["✓", "good"],
  joining: ["…", "idle"],
  leaving: ["…", "warn"],
  dead: ["✕", "bad"],
};

/** A word with its mark. */
export function status(word) {
  const [mark, tone] = MARKS[word] ?? ["•", "idle"];
  return h("span", { class: `status ${tone}` }, h("span", { "aria-hidden": "true" }, mark), " ", word);
}

/** The tone of a word: good, warn, bad or idle. */
export const tone = word => (MARKS[word] ?? ["•", "idle"])[1];

/** The mark of a word. */
export const mark = word => (MARKS[word] ?? ["•", "idle"])[0];
