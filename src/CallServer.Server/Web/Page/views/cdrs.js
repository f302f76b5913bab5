// CDRs: search them, and take them along as a file.

import { at, read } from "../api.js";
import { h } from "../dom.js";
import { duration, text, time } from "../format.js";
import { idLink } from "../parts/id-link.js";
import { anywhere, filters, pager, table } from "../parts/list.js";
import { toConnection } from "../router.js";
import { download } from "../download.js";

const PAGE = "50";
const TEXTS = ["call", "originator", "remote", "codec"];

const FIELDS = [
  { name: "since", label: "Ended since (UTC)", hint: "2026-01-31 10:00", isLong: true },
  { name: "until", label: "Ended before (UTC)", hint: "2026-01-31 11:00", isLong: true },
  { name: "gateway", label: "Gateway", hint: "gw1" },
  { name: "originator", label: "Originator", hint: "any part" },
  { name: "remote", label: "Remote party", hint: "any part" },
  { name: "call", label: "Call id", hint: "any part" },
  { name: "codec", label: "Codec", hint: "PCMU" },
  {
    name: "evidence",
    label: "End is known from",
    options: ["absent", "gateway-history", "gateway-restart", "released", "operator"],
  },
  {
    name: "recovered",
    label: "Recovered",
    options: [
      ["true", "yes"],
      ["false", "no"],
    ],
  },
];

const columns = asOf => [
  { title: "Ended", cell: cdr => time(cdr.end_stamp, asOf) },
  { title: "Originator", cell: cdr => party(cdr.originator) },
  { title: "Remote", cell: cdr => party(cdr.remote) },
  { title: "Billed", isNumber: true, cell: cdr => billed(cdr) },
  { title: "Cause", isWide: true, cell: cdr => text(cdr.hangup_cause) },
  {
    title: "End known from",
    cell: cdr => [text(cdr.end_evidence), " ", cdr.recovered && h("span", { class: "tag" }, "recovered")],
  },
  {
    title: "Connection",
    cell: cdr => idLink(toConnection(cdr.gateway, cdr.connection), cdr.connection),
  },
  { title: "Gateway", cell: cdr => h("span", { class: "short" }, cdr.gateway) },
];

const party = name => h("span", { class: "id", title: name }, text(name));

export default {
  title: () => "CDRs",
  load: ({ query }, signal) =>
    read(at("/v1/cdrs", { limit: PAGE, sort: "-written", ...asked(query) }), signal),
  concerns: change => change.kind === "closed",
  every: 10_000,
  frame: ({ query }) => [filters(FIELDS, query, "Search CDRs")],
  draw: (list, { query }) => [
    h(
      "div",
      { class: "lead", key: "lead" },
      h(
        "p",
        { class: "note", role: "status" },
        `${list.items.length}${list.next ? " and more" : ""}, the last written first.`,
      ),
      h(
        "span",
        { class: "buttons" },
        "All that are found: ",
        h(
          "button",
          {
            type: "button",
            onclick: event => download(at("/v1/cdrs", asked(query)), "csv", event.currentTarget),
          },
          "CSV",
        ),
        h(
          "button",
          {
            type: "button",
            onclick: event => download(at("/v1/cdrs", asked(query)), "ndjson", event.currentTarget),
          },
          "NDJSON",
        ),
      ),
    ),
    table("CDRs", columns(list.asOf), list.items, cdr => `${cdr.id}/${cdr.record_seq}`, {
      none: list.next ? "None on this page." : "No CDR fits.",
    }),
    pager(list.next),
  ],
};

const asked = query => anywhere(query, TEXTS);

function billed({ billsec_min: least, billsec_max: most }) {
  const said = most === null ? "or more" : duration(most) === duration(least) ? null : `to ${duration(most)}`;
  return [duration(least), said && h("span", { class: "quiet" }, ` ${said}`)];
}
