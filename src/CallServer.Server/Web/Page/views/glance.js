// How the network stands, at a glance: what needs somebody first, then the figures, then everything by gateway.

import { at, read } from "../api.js";
import { h } from "../dom.js";
import { readAll } from "../everything.js";
import { count, counted, duration, secondsBetween, time } from "../format.js";
import { attention } from "../parts/attention.js";
import { panel } from "../parts/facts.js";
import { findingList } from "../parts/finding-list.js";
import { gatewayGrid } from "../parts/gateway-grid.js";
import { hostList } from "../parts/host-list.js";
import { idLink } from "../parts/id-link.js";
import { plot } from "../parts/plot.js";
import { recoverySummary } from "../parts/recovery-report.js";
import { link, toConnection } from "../router.js";

const FINDINGS = "5";
const CHANGES = 8;
const MINUTE = 60;
const HOUR = 3600;

/** The newest changes, newest first, as the feed told them. */
const newest = [];

/** Joining the calls of a large record may take long after a start: nothing else waits longer for the findings. */
const FINDINGS_PATIENCE = 300;

/** The findings as they were last told; null before. */
let knownFindings = null;

export default {
  title: () => "At a glance",
  async load(_, signal) {
    const [server, gateways, hosts, history, findings, recoveries] = await Promise.all([
      read("/v1/status", signal),
      readAll("/v1/gateways", signal),
      read("/v1/hosts", signal),
      read("/v1/server/history", signal),
      newestFindings(signal),
      read(at("/v1/recoveries", { limit: "1" }), signal),
    ]);
    return { server, gateways, hosts, history, findings, recovery: recoveries.items[0] };
  },
  concerns(change) {
    newest.unshift(change);
    newest.length = Math.min(newest.length, CHANGES);
    return true;
  },
  every: data => (data?.recovery?.whole === false ? 500 : 2_000),
  draw: data => {
    const { server, gateways, hosts, history, findings, recovery } = data;
    return [
      attention(data),
      figures(data),
      h(
        "div",
        { class: "columns uneven" },
        panel(overAnHour(hosts), plot(overAnHour(hosts), SERIES, history.samples, history.asOf)),
        panel(
          "Last recovery",
          recovery
            ? recoverySummary(recovery)
            : h("p", { class: "note" }, "This server has never taken over."),
          h(
            "p",
            {},
            h(
              "a",
              { href: link(["recovery"]) },
              server.peer ? "Recovery, takeover and step-down" : "Recovery and rehearsal",
            ),
          ),
        ),
      ),
      hosts.units !== null && panel("Hosts", hostList(hosts)),
      panel("Gateways", gatewayGrid(gateways.items, gateways.asOf)),
      h(
        "div",
        { class: "columns" },
        panel(
          "Findings",
          shownFindings(findings),
          findings?.next && h("p", {}, h("a", { href: link(["findings"]) }, "All findings")),
        ),
        panel("Newest changes", changes(gateways.asOf)),
      ),
    ];
  },
};

function newestFindings(signal) {
  const told = read(at("/v1/findings", { limit: FINDINGS }), signal).then(list => (knownFindings = list));
  const late = new Promise(resolve => setTimeout(() => resolve(knownFindings), FINDINGS_PATIENCE));
  return Promise.race([told, late]);
}

/** A host of a fleet keeps the history of what it holds itself. */
const overAnHour = hosts =>
  hosts.units === null ? "Connections over the last hour" : "This host's connections over the last hour";

const SERIES = [
  { name: "connections", of: sample => sample.connections },
  { name: "unconfirmed", of: sample => sample.unconfirmed },
];

function shownFindings(findings) {
  if (!findings) return h("p", { class: "note" }, "The calls are still being joined.");
  if (findings.items.length === 0) return h("p", { class: "good" }, "✓ No source contradicts another.");
  return findingList(findings.items);
}

function figures({ server, gateways, history, findings }) {
  const last = history.samples.at(-1);
  return h(
    "dl",
    { class: "figures" },
    figure("Role", server.role, `epoch ${server.epoch}`, server.peer && ", in a pair"),
    figure(
      "Connections",
      count(server.connections),
      last?.unconfirmed > 0 ? `${count(last.unconfirmed)} unconfirmed` : "all confirmed",
    ),
    figure("Gateways", `${server.gateways.complete} of ${server.gateways.total}`, "complete"),
    figure(
      "Findings",
      findings ? `${findings.items.length}${findings.next ? "+" : ""}` : "…",
      "disagreements",
    ),
    figure("CDRs", ...written(history)),
    figure("Outbox", count(last?.waiting), "records wait"),
    figure("Up for", duration(server.uptimeSeconds), "as of ", time(gateways.asOf, gateways.asOf)),
  );
}

const figure = (name, value, ...beside) =>
  h(
    "div",
    { key: name },
    h("dt", {}, name),
    h("dd", {}, h("span", { class: "value" }, value), h("span", { class: "quiet" }, beside)),
  );

/** CDRs of the last hour, or of as much of it as the server has run. */
function written({ samples }) {
  const last = samples.at(-1);
  if (!last) return [count(null), "in the last hour"];
  const seconds = secondsBetween(samples[0].time, last.time);
  const cdrs = last.cdrs - samples[0].cdrs;
  if (seconds >= HOUR - MINUTE) return [count(cdrs), "in the last hour"];
  return [count(cdrs), `in ${duration(seconds < MINUTE ? seconds : seconds - (seconds % MINUTE))}`];
}

function changes(asOf) {
  if (newest.length === 0)
    return h("p", { class: "note" }, "Nothing has changed since this page was opened.");
  return h(
    "ul",
    { class: "changes" },
    newest.map(change =>
      h(
        "li",
        { key: `${change.gateway}${change.connection}${change.kind}${change.time}` },
        time(change.time, asOf),
        h("span", { class: `kind ${change.kind}` }, change.kind),
        change.connection
          ? idLink(toConnection(change.gateway, change.connection), change.connection)
          : h("span", {}, "the gateway"),
        h("span", { class: "quiet" }, change.gateway),
      ),
    ),
  );
}
