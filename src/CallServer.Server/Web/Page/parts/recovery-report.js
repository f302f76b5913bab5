// What a takeover, or the rehearsal of one, brought back; while it runs, how far it is.

import { h } from "../dom.js";
import { count, counted, duration, exactTime } from "../format.js";
import { toGateway } from "../router.js";
import { facts } from "./facts.js";
import { table } from "./list.js";
import { status } from "./status.js";

const CAUSES = {
  "peer-silent": "the other server fell silent",
  "nobody-acted": "nobody acted",
  "handed-over": "the other server handed over",
  operator: "an operator ordered it",
  "dry-run": "a rehearsal",
};

/** The report in one sentence, with its progress while it runs. */
export function recoverySummary(report) {
  const { total, waiting } = report.gateways;
  const heard = total - waiting;
  return [
    h(
      "p",
      {},
      h("strong", {}, headline(report)),
      `: ${heard} of ${counted(total, "gateway")} heard, ${counted(report.connections.recovered, "connection")} brought back, ${count(report.connections.confirmed)} confirmed, ${count(report.connections.ended)} ended, ${count(report.connections.unknown)} unknown.`,
    ),
    h("progress", { max: Math.max(total, 1), value: heard, "aria-label": "Gateways heard" }),
    h(
      "p",
      { class: "note" },
      `${CAUSES[report.cause] ?? report.cause}, decided `,
      exactTime(report.decided),
      `, ${duration(report.recoverySeconds)} ${report.whole ? "in all" : "so far"}.`,
    ),
  ];
}

function headline({ server, cause, whole }) {
  if (cause === "dry-run") return whole ? "The rehearsal is over" : "The rehearsal runs";
  return whole ? `${server} has recovered` : `${server} recovers`;
}

/** The whole report. */
export const recoveryReport = report => [
  recoverySummary(report),
  h(
    "div",
    { class: "columns" },
    facts([
      ["Server and epoch", `${report.server}, ${report.epoch}`],
      report.cause !== "dry-run" && ["Nobody acted for at most", duration(report.detectionSeconds)],
      ["Half of the connections after", duration(report.halfSeconds)],
      ["90 % of them after", duration(report.ninetySeconds)],
      ["The last gateway after", duration(report.recoverySeconds)],
    ]),
    facts([
      ["Starts with two bounds", count(report.starts.bounded)],
      ["Starts without a lower bound", count(report.starts.unbounded)],
      [
        "Median and worst width",
        `${duration(report.starts.medianSeconds)}, ${duration(report.starts.worstSeconds)}`,
      ],
      [
        "Billable seconds in doubt",
        `${count(report.secondsAtRisk)} (active ${count(report.atRisk.active)}, ended ${count(report.atRisk.ended)}, unknown ${count(report.atRisk.unknown)})`,
      ],
    ]),
  ),
  table("What each gateway told", COLUMNS, byOutcome(report.byGateway), one => one.gateway, {
    none: "No gateway was asked.",
  }),
];

const ORDER = ["silent", "waiting", "partial", "complete"];

const byOutcome = gateways =>
  gateways.toSorted(
    (a, b) => ORDER.indexOf(a.outcome) - ORDER.indexOf(b.outcome) || (a.gateway < b.gateway ? -1 : 1),
  );

const COLUMNS = [
  { title: "Gateway", cell: one => h("a", { class: "short", href: toGateway(one.gateway) }, one.gateway) },
  { title: "Outcome", cell: one => status(one.outcome) },
  { title: "Answered after", isNumber: true, cell: one => duration(one.answered) },
  { title: "Recovered", isNumber: true, cell: one => count(one.recovered) },
  { title: "Confirmed", isNumber: true, cell: one => count(one.confirmed) },
  { title: "Ended", isNumber: true, cell: one => count(one.ended) },
  { title: "Unknown", isNumber: true, cell: one => count(one.unknown) },
  { title: "Why not complete", isWide: true, cell: one => one.reasons.join("; ") },
];
