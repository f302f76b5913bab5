// What needs somebody now, the worst first: the first thing to read at three in the morning.

import { h } from "../dom.js";
import { counted } from "../format.js";
import { link, toGateway } from "../router.js";
import { byTrouble, standing } from "./gateway-grid.js";

/** So many gateways are named in a line; the grid has all of them. */
const NAMED = 5;

const TONES = ["bad", "warn", "idle"];

/** What is wrong, the worst first; one line if nothing is. */
export function attention({ server, gateways, hosts, history, findings, recovery }) {
  const configured = gateways.items.filter(gateway => gateway.configured);
  const lines = [
    ...server.troubles.map(trouble => ["bad", sentence(trouble)]),
    !server.ready && ["warn", "The server is not ready: it has not heard every gateway yet."],
    server.role === "standby" && [
      "idle",
      "This server stands by; ",
      other(server.peer),
      " acts. Below is what this one knows by itself.",
    ],
    recovery?.whole === false && [
      "warn",
      `A recovery is under way: ${recovery.gateways.waiting} of ${counted(recovery.gateways.total, "gateway")} still to be heard.`,
    ],
    hosts.free > 0 && [
      "bad",
      `No host holds ${hosts.free} of ${counted(hosts.units, "unit")}: their gateways are not asked.`,
    ],
    ...troubled(configured, gateways.asOf),
    abandoned(gateways.items),
    findings?.items.length > 0 && [
      "warn",
      h(
        "a",
        { href: link(["findings"]) },
        `${counted(findings.items.length, "finding")}${findings.next ? " and more" : ""}`,
      ),
      ": sources of one call contradict each other.",
    ],
    stuck(history),
  ]
    .filter(Boolean)
    .sort(([one], [other]) => TONES.indexOf(one) - TONES.indexOf(other));
  return h(
    "section",
    { class: "attention", key: "attention", "aria-label": "What needs somebody" },
    lines.length === 0
      ? h(
          "p",
          { class: "good" },
          h("span", { "aria-hidden": "true" }, "✓ "),
          `Nothing needs you: ${counted(configured.length, "gateway")} complete, no source contradicts another.`,
        )
      : h(
          "ul",
          {},
          lines.map(([tone, ...line], index) => h("li", { class: tone, key: String(index) }, line)),
        ),
  );
}

/** The other server of the pair, which has a page as well. */
const other = peer =>
  /^https?:/.test(peer) ? h("a", { href: peer, rel: "noreferrer" }, "the other one") : "the other one";

/** The server's own words as a sentence. A key of the configuration, such as `cdr.http`, stays as it is written. */
const sentence = words =>
  (/^[a-z]+ /.test(words) ? words[0].toUpperCase() + words.slice(1) : words) + (words.endsWith(".") ? "" : ".");

/** Gateways that the configuration no longer names. */
function abandoned(gateways) {
  const some = gateways.filter(gateway => !gateway.configured);
  return (
    some.length > 0 && [
      "idle",
      `${counted(some.length, "gateway")} no longer configured: their connections stay in the record, unconfirmed.`,
    ]
  );
}

function troubled(gateways, asOf) {
  const of = word => byTrouble(gateways, asOf).filter(gateway => standing(gateway, asOf) === word);
  return [
    ["silent", "bad", "silent"],
    ["partial", "warn", "not complete"],
    ["late", "warn", "late with an audit"],
    ["unasked", "idle", "not asked yet"],
  ]
    .map(([word, tone, said]) => [tone, said, of(word)])
    .filter(([, , some]) => some.length > 0)
    .map(([tone, said, some]) => [
      tone,
      `${counted(some.length, "gateway")} ${some.length === 1 ? "is" : "are"} ${said}: `,
      some
        .slice(0, NAMED)
        .map((gateway, index) => [
          index > 0 && ", ",
          h("a", { href: toGateway(gateway.gateway) }, gateway.gateway),
        ]),
      some.length > NAMED && ` and ${some.length - NAMED} more`,
      some.length === 1 && some[0].reasons[0] && h("span", { class: "quiet" }, ` (${some[0].reasons[0]})`),
    ]);
}

/** An outbox whose rest has not shrunk for a minute. */
function stuck({ samples, everySeconds }) {
  const last = samples.slice(-Math.ceil(60 / everySeconds));
  const isStuck =
    last.length > 2 &&
    last.every((one, index) => one.waiting > 0 && (index === 0 || one.waiting >= last[index - 1].waiting));
  return (
    isStuck && [
      "bad",
      `${counted(last.at(-1).waiting, "record")} wait in the outbox, and their number does not fall.`,
    ]
  );
}
