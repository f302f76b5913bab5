// Pairs of a name and what it stands for.

import { h } from "../dom.js";

/** A definition list; a pair that is null is left out. */
export const facts = pairs =>
  h(
    "dl",
    { class: "facts" },
    pairs
      .filter(Boolean)
      .map(([name, ...value]) => h("div", { key: name }, h("dt", {}, name), h("dd", {}, ...value))),
  );

/** A panel with a heading. */
export const panel = (title, ...children) =>
  h("section", { class: "panel", key: title }, h("h2", {}, title), children);
