// Takeovers: rehearse one, see what the last ones brought back, and order one.

import { at, read, readOrNull } from "../api.js";
import { h } from "../dom.js";
import { readAll } from "../everything.js";
import { count, duration, exactTime } from "../format.js";
import { panel } from "../parts/facts.js";
import { table } from "../parts/list.js";
import { recoveryReport } from "../parts/recovery-report.js";
import { dryRun, stepDown, takeOver } from "../verbs.js";

const KEPT = "20";

/** Whether somebody wants to see the newest rehearsal: the server knows none before the first (404). */
let isAskedFor = false;

export default {
  title: () => "Recovery",
  async load(_, signal) {
    const [status, recoveries, rehearsal, gateways] = await Promise.all([
      read("/v1/status", signal),
      read(at("/v1/recoveries", { limit: KEPT }), signal),
      isAskedFor ? readOrNull("/v1/recoveries/dry-run", signal) : undefined,
      readAll("/v1/gateways", signal),
    ]);
    return { status, recoveries: recoveries.items, rehearsal, gateways: gateways.items };
  },
  concerns: change => change.kind === "role",
  every: data => (isRunning(data) ? 500 : 3_000),
  draw: ({ status, recoveries: [last, ...earlier], rehearsal, gateways }, _, again) => [
    h("p", { class: "lead" }, lead(status), orders(status, gateways, again)),
    rehearsal !== undefined &&
      panel(
        "The last rehearsal",
        rehearsal
          ? recoveryReport(rehearsal)
          : h("p", { class: "note" }, "There was none since the server was started."),
      ),
    panel(
      "The last takeover",
      last ? recoveryReport(last) : h("p", { class: "note" }, "This server has never taken over."),
    ),
    earlier.length > 0 &&
      panel(
        "Earlier takeovers",
        table("Earlier takeovers", COLUMNS, earlier, one => one.decided),
      ),
  ],
};

const isRunning = data => data?.rehearsal?.whole === false || data?.recoveries[0]?.whole === false;

const lead = ({ name, role, epoch, peer }) =>
  h(
    "span",
    {},
    h("strong", {}, `${name} is ${role}`),
    ` under epoch ${epoch}`,
    peer ? `; the other server is at ${peer}.` : "; it runs alone.",
  );

const orders = (status, gateways, again) =>
  h(
    "span",
    { class: "buttons" },
    h("button", { type: "button", key: "show", onclick: () => show(again) }, "Last rehearsal"),
    h(
      "button",
      {
        type: "button",
        key: "rehearse",
        class: "main",
        onclick: () => dryRun(status, requestsOf(gateways), () => show(again)),
      },
      "Rehearse a takeover…",
    ),
    status.peer &&
      status.role === "standby" &&
      h(
        "button",
        { type: "button", class: "grave", onclick: () => takeOver(status, again) },
        "Take over…",
      ),
    status.peer &&
      status.role !== "standby" &&
      h(
        "button",
        { type: "button", class: "grave", onclick: () => stepDown(status, again) },
        "Step down…",
      ),
  );

const requestsOf = gateways => gateways.reduce((sum, one) => sum + (one.requests ?? 0), 0);

function show(again) {
  isAskedFor = true;
  again();
}

const COLUMNS = [
  { title: "Decided", cell: one => exactTime(one.decided) },
  { title: "Server", cell: one => `${one.server}, epoch ${one.epoch}` },
  { title: "Cause", cell: one => one.cause },
  { title: "Took", isNumber: true, cell: one => duration(one.recoverySeconds) },
  { title: "Gateways", isNumber: true, cell: one => `${one.gateways.complete} of ${one.gateways.total}` },
  { title: "Recovered", isNumber: true, cell: one => count(one.connections.recovered) },
  { title: "Unknown", isNumber: true, cell: one => count(one.connections.unknown) },
];
