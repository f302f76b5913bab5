// One gateway: what its audits came to, with proof, reasons, cost, and what to try.

import { at, read } from "../api.js";
import { h } from "../dom.js";
import { count, counted, duration, exactTime, secondsBetween, text } from "../format.js";
import { facts, panel } from "../parts/facts.js";
import { sinceComplete } from "../parts/gateway-grid.js";
import { pager, table } from "../parts/list.js";
import { status } from "../parts/status.js";
import { link } from "../router.js";
import { auditNow } from "../verbs.js";

const PAGE = "25";

/** What each proof means. */
const PROOFS = {
  "end-of-table": "the end of every list was seen",
  "same-boot": "the gateway did not restart meanwhile",
  "count-agrees": "its own count agrees",
  "whole-document": "one whole document came",
};

/** How many calls began and ended between two audits. */
const unseen = ({ least, most }) => (least === most ? count(most) : `${count(least)} to ${count(most)}`);

const path = ({ path: [, id] }) => `/v1/gateways/${encodeURIComponent(id)}`;

export default {
  title: ({ path: [, id] }) => id,
  async load(place, signal) {
    const [gateway, audits] = await Promise.all([
      read(path(place), signal),
      read(at(`${path(place)}/audits`, { limit: PAGE, ...place.query }), signal),
    ]);
    return { gateway, audits };
  },
  concerns: (change, { path: [, id] }) => change.gateway === id,
  every: 2_000,
  draw: ({ gateway, audits }) => [
    h(
      "div",
      { class: "lead" },
      status(gateway.status),
      h("span", {}, sinceComplete(gateway, audits.asOf)),
      h(
        "span",
        { class: "buttons" },
        h(
          "a",
          { class: "button", href: link(["connections"], { gateway: gateway.gateway }) },
          counted(gateway.connections, "connection"),
        ),
        gateway.configured &&
          h("button", { type: "button", class: "main", onclick: () => auditNow(gateway) }, "Audit now…"),
      ),
    ),
    trouble(gateway),
    h(
      "div",
      { class: "columns" },
      panel(
        "The gateway",
        facts([
          ["Address", text(gateway.uri)],
          ["Protocol", [gateway.protocol, gateway.profile].filter(Boolean).join(", ") || text(null)],
          ["Asked every", text(gateway.interval)],
          !gateway.configured && [
            "Configuration",
            "no longer names it; its connections stay in the record, unconfirmed",
          ],
        ]),
      ),
      panel(
        "Its part of the record",
        facts([
          [
            "Connections",
            count(gateway.connections),
            gateway.unconfirmed > 0 && `, ${count(gateway.unconfirmed)} unconfirmed`,
          ],
          ["Opened, closed", `${count(gateway.opened)}, ${count(gateway.closed)}`],
          ["Conflicts", count(gateway.conflicts)],
          gateway.unseen && ["Calls that nobody saw", unseen(gateway.unseen)],
          ["Last proof", gateway.proof.length ? gateway.proof.map(proof).join("; ") : text(null)],
        ]),
      ),
    ),
    panel(
      "Its audits",
      table("Audits", COLUMNS, audits.items, audit => audit.asked, { none: "No audit has ended yet." }),
      pager(audits.next),
    ),
  ],
};

const proof = word => (PROOFS[word] ? `${word}: ${PROOFS[word]}` : word);

/** Why the last audit is not complete, and what to try. */
function trouble({ status: word, uri, reasons }) {
  if (reasons.length === 0) return null;
  const isSilent = word === "silent";
  return h(
    "section",
    { class: `panel ${isSilent ? "bad" : "warn"}`, key: "trouble", "aria-label": "What is wrong" },
    h("h2", {}, isSilent ? "It does not answer" : "Its last audit is not complete"),
    h(
      "ul",
      {},
      reasons.map(reason => h("li", {}, reason)),
    ),
    h("h3", {}, "What to try"),
    h(
      "ul",
      {},
      h(
        "li",
        {},
        "On the server's machine: ",
        h("code", {}, `callserver doctor ${uri ?? "URI"}`),
        " goes from reachability to completeness, and says at each step what it saw and what to fix.",
      ),
      isSilent &&
        h(
          "li",
          {},
          "Is the gateway up, and may this server's address ask it? A wrong community or password looks like silence.",
        ),
      h("li", {}, "Then ", h("em", {}, "Audit now"), " asks it without waiting for the interval."),
    ),
    h(
      "p",
      { class: "note" },
      `${isSilent ? "Silence" : "An audit that is not complete"} ends no call: its connections stay in the record.`,
    ),
  );
}

const COLUMNS = [
  { title: "Asked", cell: audit => exactTime(audit.asked) },
  {
    title: "Result",
    cell: audit => status(audit.silent ? "silent" : audit.complete ? "complete" : "partial"),
  },
  { title: "Took", isNumber: true, cell: audit => duration(secondsBetween(audit.asked, audit.answered)) },
  { title: "Requests", isNumber: true, cell: audit => count(audit.requests) },
  { title: "Connections", isNumber: true, cell: audit => count(audit.count) },
  {
    title: "Proof, or why not",
    cell: audit => (audit.complete ? audit.proof.join(", ") : audit.reasons.join("; ")),
  },
];
