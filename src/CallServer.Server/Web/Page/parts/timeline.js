// Draws how an interval narrows: one bar for each change that moved a bound, the oldest on top.

import { h, s } from "../dom.js";
import { duration, width } from "../format.js";

const ROW = 34;
const MARGIN = 6;

/** The share of the width, in percent, that stands for all that lies beyond a bound that is not known. */
const BEYOND = 25;

/** The least width of a bar, in percent: an exact time is seen, too. */
const LEAST = 0.4;

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
  const [from, to] = [Math.min(...bounds), Math.max(...bounds)];
  const before = steps.some(step => !step.earliest) ? BEYOND : 0;
  const after = steps.some(step => !step.latest) ? BEYOND : 0;
  const x = at => before + ((at - from) / Math.max(to - from, 1)) * (100 - before - after);
  return h(
    "figure",
    { class: "timeline" },
    h("figcaption", {}, label),
    s(
      "svg",
      { role: "img", "aria-label": describe(label, steps), height: steps.length * ROW + MARGIN },
      steps.map((step, index) => bar(step, index, x)),
    ),
    timelineEnds(before ? null : from, after ? null : to),
  );
}

/** What stands below a time line: its first and its last moment; null if it goes on beyond. */
export function timelineEnds(from, to) {
  const isOneDay = from === null || to === null || day(from) === day(to);
  const stamp = at =>
    at === null ? "…" : new Date(at).toISOString().slice(isOneDay ? 11 : 0, 23).replace("T", " ");
  return h(
    "div",
    { class: "timeline-ends", "aria-hidden": "true" },
    h("span", {}, stamp(from)),
    from !== to && h("span", {}, stamp(to)),
  );
}

const day = at => new Date(at).toISOString().slice(0, 10);

function bar({ earliest, latest, evidence, why }, index, x) {
  const left = Math.min(earliest ? x(Date.parse(earliest)) : 0, 100 - LEAST);
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
      width: `${Math.max(right - left, LEAST)}%`,
      height: 8,
      rx: 2,
    }),
  );
}

function words({ earliest, latest }, why) {
  if (!earliest) return `${why}: at the latest ${clock(latest)}`;
  if (!latest) return `${why}: at the earliest ${clock(earliest)}`;
  const wide = width({ earliest, latest });
  return `${why}: ${wide === 0 ? "exact" : duration(wide)}`;
}

const clock = iso => iso.slice(11, 23);

const describe = (label, steps) =>
  `${label}, from the first report to the newest: ${steps.map(step => words(step, step.why)).join("; ")}.`;
