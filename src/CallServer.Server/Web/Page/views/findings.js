// Calls whose sources disagree.

import { at, read } from "../api.js";
import { h } from "../dom.js";
import { counted } from "../format.js";
import { findingList } from "../parts/finding-list.js";
import { pager } from "../parts/list.js";

const PAGE = "100";

export default {
  title: () => "Findings",
  load: ({ query }, signal) => read(at("/v1/findings", { limit: PAGE, ...query }), signal),
  concerns: () => true,
  every: 5_000,
  draw: list => [
    h(
      "p",
      { class: "note" },
      "A finding says that the sources of one call contradict each other. Silence is no finding.",
    ),
    list.items.length === 0
      ? h("p", { class: "good" }, "✓ No source contradicts another.")
      : [
          h(
            "p",
            { class: "note", role: "status" },
            `${counted(list.items.length, "finding")}${list.next ? " and more" : ""}.`,
          ),
          h("div", { class: "panel" }, findingList(list.items)),
        ],
    pager(list.next),
  ],
};
