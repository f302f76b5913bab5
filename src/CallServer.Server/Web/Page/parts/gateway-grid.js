// The gateways as a grid: what each one's last audit came to, and how old its last complete one is.

import { h } from "../dom.js";
import { ago, count, secondsBetween } from "../format.js";
import { toGateway } from "../router.js";
import { mark, tone } from "./status.js";

const ORDER = ["silent", "partial", "unasked", "late", "complete"];

/** So many intervals without a complete audit are late. */
const LATE = 3;

/** When a gateway's newest complete audit was answered; null if there was none, undefined if it is not told. */
const lastComplete = gateway => (gateway.status === "complete" ? gateway.answered : gateway.lastComplete);

/** How old a gateway's last complete audit is, in words. */
export function sinceComplete(gateway, asOf) {
  const at = lastComplete(gateway);
  if (at) return `complete ${ago(at, asOf)} ago`;
  return at === null ? "never complete" : "not complete now";
}

/** The gateways, those in trouble first. */
export const byTrouble = (gateways, asOf) =>
  gateways.toSorted((a, b) => rank(a, asOf) - rank(b, asOf) || (a.gateway < b.gateway ? -1 : 1));

const rank = (gateway, asOf) => ORDER.indexOf(standing(gateway, asOf));

/** How a gateway stands: its status, or `late` if audits should have come since the last one. */
export const standing = (gateway, asOf) => (isLate(gateway, asOf) ? "late" : gateway.status);

/** Tiles; many of them are small. */
export function gatewayGrid(gateways, asOf) {
  if (gateways.length === 0) return h("p", { class: "note" }, "The configuration names no gateway.");
  return h(
    "ul",
    { class: gateways.length > 60 ? "tiles small" : "tiles" },
    byTrouble(gateways, asOf).map(gateway => tile(gateway, asOf)),
  );
}

function tile(gateway, asOf) {
  const late = isLate(gateway, asOf);
  const told = sinceComplete(gateway, asOf);
  const { status } = gateway;
  return h(
    "li",
    { key: gateway.gateway },
    h(
      "a",
      {
        class: `tile ${late ? "warn" : tone(status)}`,
        href: toGateway(gateway.gateway),
        title: [`${gateway.gateway}: ${status}, ${told}`, ...gateway.reasons].join("\n"),
      },
      h("span", { class: "tile-mark", "aria-hidden": "true" }, late ? "◷" : mark(status)),
      h("span", { class: "tile-name" }, gateway.gateway),
      h("span", { class: "tile-status" }, status, late && ", late"),
      h(
        "span",
        { class: "tile-count" },
        count(gateway.connections),
        h("span", { class: "hidden" }, " connections"),
      ),
      h("span", { class: "tile-age" }, told),
    ),
  );
}

/** Whether audits should have come since the last one; a gateway that is no longer configured is not asked. */
function isLate({ status, interval, answered }, asOf) {
  if (status !== "complete" || !interval) return false;
  const seconds = intervalSeconds(interval);
  return seconds !== null && secondsBetween(answered, asOf) > Math.max(LATE * seconds, seconds + 10);
}

/** A duration of the configuration, such as `250ms`, `10s` or `5m`, in seconds. */
function intervalSeconds(word) {
  const [, number, unit] = /^([\d.]+)(ms|s|m|h|d)$/.exec(word) ?? [];
  return number ? number * { ms: 0.001, s: 1, m: 60, h: 3600, d: 86400 }[unit] : null;
}
