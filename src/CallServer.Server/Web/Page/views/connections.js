// The connections: filtered, sorted and paged by the server.

import { at, read } from "../api.js";
import { h } from "../dom.js";
import { age, duration, qos, text, time, width } from "../format.js";
import { idLink } from "../parts/id-link.js";
import { anywhere, filters, pager, table } from "../parts/list.js";
import { status } from "../parts/status.js";
import { toCall, toConnection, toGateway } from "../router.js";

const PAGE = "50";

const TEXTS = ["call", "originator", "remote", "codec"];

const FIELDS = [
  { name: "gateway", label: "Gateway", hint: "gw1" },
  { name: "originator", label: "Originator", hint: "any part" },
  { name: "remote", label: "Remote party", hint: "any part" },
  { name: "call", label: "Call id", hint: "any part" },
  { name: "codec", label: "Codec", hint: "PCMU" },
  { name: "dscp", label: "DSCP", hint: "0 to 63" },
  { name: "status", label: "Status", options: ["confirmed", "unconfirmed"] },
  { name: "evidence", label: "Start is", options: ["reported", "inferred", "bounded"] },
  { name: "older-than", label: "Older than", hint: "2h" },
  { name: "wider-than", label: "Start wider than", hint: "1s" },
];

const COLUMNS = [
  {
    title: "Connection",
    sort: "gateway",
    cell: one => idLink(toConnection(one.gateway, one.id), one.id),
  },
  { title: "Gateway", cell: one => h("a", { class: "short", href: toGateway(one.gateway) }, one.gateway) },
  { title: "Originator", sort: "originator", cell: one => party(one.originator) },
  { title: "Remote", sort: "remote", cell: one => party(one.remote) },
  { title: "Active for", sort: "start", isNumber: true, cell: one => age(one.ageSeconds) },
  { title: "Start within", sort: "width", isNumber: true, cell: one => exactness(one.start) },
  { title: "Codec", sort: "codec", cell: one => text(one.codec) },
  { title: "QoS", isNumber: true, isWide: true, cell: one => qos(one.qos) },
  {
    title: "Call",
    sort: "call",
    isWide: true,
    cell: one =>
      one.call
        ? idLink(toCall(one.call, one.gateway), one.call)
        : text(null),
  },
  {
    title: "Status",
    cell: one => [status(one.status), " ", one.recovered && h("span", { class: "tag" }, "recovered")],
  },
];

const party = name => h("span", { class: "id", title: name }, text(name));

function exactness(start) {
  if (!start) return text(null);
  const wide = width(start);
  const said = wide === null ? "open" : duration(wide);
  return h(
    "span",
    { class: "breaks", title: `${start.earliest ?? "…"} to ${start.latest}` },
    h("span", { class: "short" }, said),
    " ",
    h("span", { class: "quiet" }, start.evidence),
  );
}

export default {
  title: () => "Connections",
  load: ({ query }, signal) =>
    read(at("/v1/connections", { limit: PAGE, ...anywhere(query, TEXTS) }), signal),
  concerns: () => true,
  every: 5_000,
  frame: ({ query }) => [filters(FIELDS, query, "Filter the connections")],
  draw: (list, { query }) => [
    h(
      "p",
      { class: "note" },
      h("span", { role: "status" }, `${list.items.length}${list.next ? " and more" : ""}`),
      " as of ",
      time(list.asOf, list.asOf),
      ".",
      list.incomplete.length > 0 && ` Not everything is known of ${list.incomplete.join(", ")}.`,
    ),
    table("Connections", COLUMNS, list.items, one => `${one.gateway}/${one.id}`, {
      sort: query.sort,
      none: "No connection fits.",
    }),
    pager(list.next),
  ],
};
