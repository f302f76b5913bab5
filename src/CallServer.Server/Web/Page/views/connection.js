// One connection's story: what is known of it, how its start and end narrowed, and every change with its evidence.

import { read } from "../api.js";
import { h } from "../dom.js";
import { age, duration, exactTime, interval, qos, text, time } from "../format.js";
import { facts, panel } from "../parts/facts.js";
import { table } from "../parts/list.js";
import { status } from "../parts/status.js";
import { timeline } from "../parts/timeline.js";
import { toCall, toGateway } from "../router.js";
import { release } from "../verbs.js";

const path = ({ path: [, gateway, id] }) =>
  `/v1/connections/${encodeURIComponent(gateway)}/${encodeURIComponent(id)}`;

export default {
  title: ({ path: [, , id] }) => id,
  load: (place, signal) => read(`${path(place)}/story`, signal),
  concerns: (change, { path: [, gateway, id] }) =>
    change.gateway === gateway && (!change.connection || change.connection === id),
  every: 5_000,
  draw: ({ gateway, connection, whole, steps, now, cdr }) => [
    now
      ? h(
          "div",
          { class: "lead" },
          status(now.status),
          h("span", {}, "active for ", age(now.ageSeconds)),
          actions(now),
        )
      : h(
          "p",
          { class: "lead" },
          h("span", {}, h("strong", {}, "It has ended."), " What the record keeps of it is below."),
        ),
    h(
      "div",
      { class: "columns" },
      panel(
        "What is known",
        now
          ? known(now)
          : cdr
            ? billed(cdr)
            : facts([
                ["Gateway", h("a", { href: toGateway(gateway) }, gateway)],
                ["Connection", connection],
              ]),
      ),
      panel("How exactly its times are known", timeline("Start", starts(steps, now)), ends(steps)),
    ),
    panel(
      "Every change",
      !whole && h("p", { class: "note" }, "Its oldest changes are no longer kept (keep.changes)."),
      table("Changes", COLUMNS, steps.toReversed(), step => String(step.sequence), {
        none: "No change is kept.",
      }),
    ),
  ],
};

const actions = connection =>
  h(
    "span",
    { class: "buttons" },
    connection.call &&
      h("a", { class: "button", href: toCall(connection.call, connection.gateway) }, "Its call"),
    h("button", { type: "button", class: "grave", onclick: () => release(connection) }, "Release…"),
  );

const known = one =>
  facts([
    ["Gateway", h("a", { href: toGateway(one.gateway) }, one.gateway)],
    ["Originator", text(one.originator)],
    ["Remote party", text(one.remote)],
    ["Endpoint", text(one.endpoint)],
    ["Call", text(one.call)],
    ["Codec", text(one.codec), one.clockRate && ` at ${one.clockRate} Hz`],
    [
      "QoS (DSCP or class)",
      qos(one.qos),
      one.qos?.reported && quiet(`the gateway says ${one.qos.reported}`),
    ],
    ["Media", `${text(one.localMedia)} ↔ ${text(one.remoteMedia)}`],
    ["Mode and state", `${text(one.mode)}, ${text(one.state)}`],
    ["Setup", interval(one.setup)],
    ["Start", interval(one.start), one.start && quiet(one.start.evidence)],
    [
      "Heard",
      "first ",
      time(one.firstHeard, one.lastHeard),
      ", last ",
      time(one.lastHeard, one.lastHeard),
      `, ${one.confirmedCount} times`,
    ],
    one.recovered && ["Recovered", "A restart or takeover had lost it; its gateway told it again."],
    one.conflicts > 0 && ["Conflicts", `${one.conflicts} reports contradict the record`],
  ]);

const billed = cdr =>
  facts([
    ["Gateway", h("a", { href: toGateway(cdr.gateway) }, cdr.gateway)],
    ["Originator", text(cdr.originator)],
    ["Remote party", text(cdr.remote)],
    ["Call", text(cdr.call)],
    ["Codec", text(cdr.read_codec)],
    [
      "Answered",
      interval({ earliest: cdr.answer_stamp_min, latest: cdr.answer_stamp_max }),
      quiet(cdr.start_evidence),
    ],
    ["Ended", interval({ earliest: cdr.end_stamp_min, latest: cdr.end_stamp_max }), quiet(cdr.end_evidence)],
    [
      "Billed",
      duration(cdr.billsec),
      cdr.billsec_max === null
        ? quiet("or more")
        : cdr.billsec_max !== cdr.billsec && quiet(`at most ${duration(cdr.billsec_max)}`),
    ],
    ["Cause", text(cdr.hangup_cause)],
    cdr.released_by && ["Released", `by ${cdr.released_by}: ${cdr.release_reason}`],
    cdr.recovered && ["Recovered", "A restart or takeover had lost it; its gateway told it again."],
    ["CDR", cdr.id],
  ]);

const quiet = word => h("span", { class: "quiet" }, `, ${word}`);

const COLUMNS = [
  { title: "When", cell: step => exactTime(step.time) },
  { title: "Change", cell: step => h("span", { class: `kind ${step.kind}` }, step.kind) },
  { title: "What it says", cell: step => says(step) },
  {
    title: "Evidence",
    cell: step => text((step.end.after ?? step.reported ?? step.start.after)?.evidence),
  },
];

/** What a kind of change says where its bounds and facts do not. */
const SAYS = {
  confirmed: "An audit lists it again.",
  unconfirmed: "The newest audit did not list it. That is no proof that it ended.",
};

function says({ kind, detail, was, start, end, reported, facts: moved }) {
  if (end.after) return ["ended ", interval(end.after)];
  if (reported)
    return ["the gateway said ", interval(reported), ", which contradicts ", interval(start.after)];
  if (was) return `It was called ${was} before.`;
  const isMoved = !isSame(start.before, start.after);
  // The same bounds may come to rest on better evidence.
  const isProven = !isMoved && start.before?.evidence !== start.after?.evidence;
  const said = [
    isMoved && h("div", {}, "start ", interval(start.after)),
    isProven && h("div", {}, `start is ${start.after.evidence}, no longer ${start.before.evidence}`),
    moved.map(fact => h("div", {}, `${fact.fact}: ${text(fact.before)} → ${text(fact.after)}`)),
  ];
  return isMoved || isProven || moved.length > 0 ? said : (SAYS[kind] ?? text(detail));
}

const isSame = (one, other) => one?.earliest === other?.earliest && one?.latest === other?.latest;

/** The changes that moved a bound of the start, and what is known now: audits narrow it without a change, too. */
function starts(steps, now) {
  const told = steps.map(({ kind, start }) => ({ why: kind, bounds: start.after }));
  if (now) told.push({ why: "now", bounds: now.start });
  return told
    .filter(({ bounds }, index) => bounds && !isSame(bounds, told[index - 1]?.bounds))
    .map(({ why, bounds }) => ({ ...bounds, why }));
}

function ends(steps) {
  const closed = steps.filter(step => step.end.after);
  return (
    closed.length > 0 &&
    timeline(
      "End",
      closed.map(step => ({ ...step.end.after, why: step.kind })),
    )
  );
}
