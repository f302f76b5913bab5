// Draws how an interval narrows: one bar for each change that moved a bound, the oldest on top.

import { h, s } from "../dom.js";
import { duration, width } from "../format.js";

const ROW = 34;
const MARGIN = 6;

/**
 * @param {string} label What the interval is of.
 * @param {{earliest: string | null, latest: string | null, evidence: string, why: string}[]} steps Oldest first. Why is
 *   a word for what moved the bounds.
 */
export function timeline(label, steps) {
  const bounds = steps
    .flatMap(step => [step.earliest, step.latest])
    .filter(Boolean)
    .map(Date.parse);
  if (bounds.length === 0) return h("p", { class: "note" }, `${label}: no bound is known yet.`);
  const from = Math.min(...bounds);
  const span = Math.max(Math.max(...bounds) - from, 1);
  return h(
    "figure",
    { class: "timeline" },
    h("figcaption", {}, label),
    s(
      "svg",
      { role: "img", "aria-label": describe(label, steps), height: steps.length * ROW + MARGIN },
      steps.map((step, index) => bar(step, index, at => 3 + ((at - from) / span) * 94)),
    ),
    h(
      "div",
      { class: "timeline-ends", "aria-hidden": "true" },
      h("span", {}, stamp(from)),
      h("span", {}, stamp(from + span)),
    ),
  );
}

const stamp = at => new Date(at).toISOString().slice(11, 23);

function bar({ earliest, latest, evidence, why }, index, x) {
  const left = earliest ? x(Date.parse(earliest)) : 0;
  const right = latest ? x(Date.parse(latest)) : 100;
  const y = index * ROW + MARGIN;
  const classes = ["bar", evidence, !earliest && "open-left", !latest && "open-right"]
    .filter(Boolean)
    .join(" ");
  // The words stand above the bar, and end with it where there is no room to its right.
  const isLate = left > 55;
  return s(
    "g",
    {},
    s(
      "text",
      { x: `${isLate ? right : left}%`, y: y + 11, "text-anchor": isLate ? "end" : "start" },
      words({ earliest, latest }, why),
    ),
    s("rect", {
      class: classes,
      x: `${left}%`,
      y: y + 16,
      width: `${Math.max(right - left, 0.4)}%`,
      height: 8,
      rx: 2,
    }),
  );
}

const words = (bounds, why) => {
  const wide = width(bounds);
  return `${why}: ${wide === null ? "one bound only" : wide === 0 ? "exact" : duration(wide)}`;
};

const describe = (label, steps) =>
  `${label}, from the first report to the newest: ${steps.map(step => words(step, step.why)).join("; ")}.`;
