// A link that is called by an id. Where room is short, its middle is left out: ids of one gateway often differ at their ends.

import { h } from "../dom.js";

const LEAST_LONG = 16;
/** As page.css leaves room for. */
const TAIL = 9;

export function idLink(href, id) {
  const cut = id.length < LEAST_LONG ? 0 : id.length - TAIL;
  return h(
    "a",
    { class: "id", href, title: id },
    cut > 0 && h("span", { class: "head" }, id.slice(0, cut)),
    id.slice(cut),
  );
}
