// One call: its legs on all gateways, side by side on one time line, and where its sources disagree.

import { at, readOrNull } from "../api.js";
import { h, s } from "../dom.js";
import { age, interval, text, time } from "../format.js";
import { facts, panel } from "../parts/facts.js";
import { findingList } from "../parts/finding-list.js";
import { idLink } from "../parts/id-link.js";
import { table } from "../parts/list.js";
import { status } from "../parts/status.js";
import { timelineEnds } from "../parts/timeline.js";
import { link, toConnection } from "../router.js";

export default {
  title: ({ path: [, id] }) => `Call ${id}`,
  load: ({ path: [, id], query }, signal) =>
    readOrNull(at(`/v1/calls/${encodeURIComponent(id)}`, query), signal),
  concerns: (change, place, data) =>
    data !== null &&
    (!change.connection || data.connections.includes(`${change.gateway}/${change.connection}`)),
  every: call => (call ? 5_000 : 60_000),
  draw: (call, { path: [, id] }) => (call ? drawn(call) : [over(id)]),
};

const over = id =>
  h(
    "p",
    { class: "lead" },
    h(
      "span",
      {},
      h("strong", {}, "No active call has this id."),
      " If it has ended, it is in ",
      h("a", { href: link(["cdrs"], { call: id }) }, "its CDRs"),
      ".",
    ),
  );

function drawn(call) {
  return [
    facts([
      ["Originator", text(call.originator)],
      [
        "Began",
        interval(call.start),
        call.start && h("span", { class: "quiet" }, `, ${call.start.evidence}`),
      ],
      ["Sources", call.sources.join(", ")],
    ]),
    call.findings.length > 0 && panel("Where its sources disagree", findingList(call.findings, call)),
    panel(
      "Legs",
      bars([...call.legs, ...call.ended]),
      table("Legs", COLUMNS, call.legs, leg => `${leg.gateway}/${leg.id}`),
    ),
    call.ended.length > 0 &&
      panel(
        "Legs that are over",
        table("Legs that are over", ENDED, call.ended, leg => `${leg.gateway}/${leg.id}`),
      ),
  ];
}

const COLUMNS = [
  {
    title: "Leg",
    cell: leg => [
      idLink(toConnection(leg.gateway, leg.id), leg.id),
      h("span", { class: "quiet" }, leg.gateway),
    ],
  },
  { title: "Originator", cell: leg => text(leg.originator) },
  { title: "Remote", cell: leg => text(leg.remote) },
  { title: "Start", cell: leg => time(leg.start?.latest, leg.lastHeard, 23) },
  { title: "Active for", isNumber: true, cell: leg => age(leg.ageSeconds) },
  { title: "Codec", cell: leg => text(leg.codec) },
  { title: "Media", isWide: true, cell: leg => `${text(leg.localMedia)} ↔ ${text(leg.remoteMedia)}` },
  { title: "Last heard", isWide: true, cell: leg => time(leg.lastHeard, leg.lastHeard) },
  { title: "Status", cell: leg => status(leg.status) },
];

const ENDED = [
  COLUMNS[0],
  { title: "Start", cell: leg => interval(leg.start) },
  { title: "End", cell: leg => interval(leg.end) },
];

const ROW = 26;

/** One bar a leg, from its start (grey while it may or may not have begun) until it was last heard. */
function bars(legs) {
  const at = iso => (iso ? Date.parse(iso) : null);
  const last = leg => at(leg.lastHeard ?? leg.end.earliest ?? leg.end.latest);
  const known = legs
    .flatMap(leg => [at(leg.start?.earliest), at(leg.start?.latest), last(leg)])
    .filter(Boolean);
  const from = Math.min(...known);
  const span = Math.max(Math.max(...known) - from, 1);
  const x = moment => ((moment - from) / span) * 100;
  const drawing = s(
    "svg",
    {
      class: "legs",
      role: "img",
      "aria-label": `${legs.length} legs on one time line; the table has their times.`,
      height: legs.length * ROW,
    },
    legs.map((leg, index) => {
      const sure = x(at(leg.start?.latest) ?? from);
      const perhaps = x(at(leg.start?.earliest) ?? from);
      const y = index * ROW;
      return s(
        "g",
        {},
        s("rect", {
          class: "bar perhaps",
          x: `${perhaps}%`,
          y: y + 4,
          width: `${Math.max(sure - perhaps, 0)}%`,
          height: 18,
        }),
        s("rect", {
          class: `bar leg ${leg.status ?? "ended"}`,
          x: `${sure}%`,
          y: y + 4,
          width: `${Math.max(x(last(leg)) - sure, 0.4)}%`,
          height: 18,
          rx: 2,
        }),
        s("text", { class: "inside", x: 8, y: y + 17 }, leg.gateway),
      );
    }),
  );
  return h(
    "figure",
    { class: "timeline" },
    drawing,
    timelineEnds(from, from + span),
    h("p", { class: "note" }, "A bar is grey while its leg may have begun, and ends when it was last heard."),
  );
}
