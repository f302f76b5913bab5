// The control log: who ordered what, from where, and what came of it.

import { at, read } from "../api.js";
import { h } from "../dom.js";
import { exactTime, text } from "../format.js";
import { pager, table } from "../parts/list.js";

const PAGE = "50";

const TONES = { done: "good", accepted: "good", refused: "warn", failed: "bad", left: "warn" };

const COLUMNS = [
  { title: "When", cell: entry => exactTime(entry.time) },
  { title: "Who", cell: entry => entry.who },
  { title: "From", cell: entry => entry.from },
  { title: "Ordered", cell: entry => entry.verb },
  { title: "About", cell: entry => text(entry.what) },
  {
    title: "Result",
    cell: entry => [
      h("span", { class: `status ${TONES[entry.result] ?? "idle"}` }, entry.result),
      h("span", { class: "quiet" }, ` ${entry.status}`),
    ],
  },
  { title: "Times", isNumber: true, cell: entry => entry.count },
];

export default {
  title: () => "Control log",
  load: ({ query }, signal) => read(at("/v1/control-log", { limit: PAGE, ...query }), signal),
  every: 5_000,
  draw: list => [
    h(
      "p",
      { class: "note" },
      "Every order that this server was given, the newest first, and what came of it.",
    ),
    table("Control log", COLUMNS, list.items, entry => `${entry.time}${entry.verb}${entry.who}`, {
      none: "Nobody has ordered anything yet.",
    }),
    pager(list.next),
  ],
};
