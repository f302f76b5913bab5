// Draws figures over the last hour as lines, and says the same in words and in a table.

import { h, s } from "../dom.js";
import { count } from "../format.js";

const HOUR = 3_600_000;
const MINUTE = 60_000;
const TABLE_STEP = 5 * MINUTE;
const LINES = 4;

/**
 * @param {string} label What is drawn.
 * @param {{name: string, of: (sample: object) => number, isDashed?: boolean}[]} series The first one is described.
 * @param {object[]} samples Oldest first, each with a `time`.
 * @param {string} asOf The server's present.
 */
export function plot(label, series, samples, asOf) {
  const now = Date.parse(asOf);
  const told = samples
    .map(sample => ({ ...sample, at: Date.parse(sample.time) }))
    .filter(({ at }) => at >= now - HOUR);
  if (told.length < 2) return h("p", { class: "note" }, "The plot begins twenty seconds after the server.");
  const drawn = series.filter((one, index) => index === 0 || told.some(sample => one.of(sample) > 0));
  const axis = axisOf(drawn, told);
  return h(
    "figure",
    { class: "plot" },
    h("figcaption", {}, legend(drawn)),
    h(
      "div",
      { class: "plot-area" },
      h(
        "div",
        { class: "plot-values", "aria-hidden": "true" },
        axis.ticks.toReversed().map(tick => h("span", {}, count(tick))),
      ),
      drawing(describe(label, series[0], told), drawn, told, axis, now),
      h(
        "div",
        { class: "plot-times", "aria-hidden": "true" },
        [60, 45, 30, 15, 0].map(minutes => h("span", {}, clock(now - minutes * MINUTE))),
      ),
    ),
    h("details", {}, h("summary", {}, "As a table"), table(drawn, told)),
  );
}

const clock = at => new Date(at).toISOString().slice(11, 16);

const legend = series => series.map((one, index) => h("span", { class: `legend line-${index}` }, one.name));

/** Round bounds around what was seen; small movements of large figures stay small. */
function axisOf(series, samples) {
  const values = series.flatMap(one => samples.map(one.of));
  const high = Math.max(...values, 1);
  const low = Math.max(0, Math.min(...values, high * 0.8));
  const step = roundUp((high - low) / LINES);
  const bottom = Math.floor(low / step) * step;
  const ticks = [];
  for (let tick = bottom; tick < high + step; tick += step) ticks.push(tick);
  return { bottom, top: ticks.at(-1), ticks };
}

function roundUp(step) {
  const power = 10 ** Math.floor(Math.log10(Math.max(step, 1)));
  return [1, 2, 5, 10].map(factor => factor * power).find(round => round >= step);
}

function drawing(description, series, samples, axis, now) {
  const x = at => (((at - (now - HOUR)) / HOUR) * 1000).toFixed(1);
  const y = value => ((1 - (value - axis.bottom) / (axis.top - axis.bottom)) * 1000).toFixed(1);
  return s(
    "svg",
    { role: "img", "aria-label": description, viewBox: "0 0 1000 1000", preserveAspectRatio: "none" },
    axis.ticks.map(tick => s("line", { class: "grid", x1: 0, x2: 1000, y1: y(tick), y2: y(tick) })),
    series.map((one, index) =>
      s("polyline", {
        class: `line-${index}`,
        points: samples.map(sample => `${x(sample.at)},${y(one.of(sample))}`).join(" "),
      }),
    ),
  );
}

function describe(label, { of }, samples) {
  const by = better => samples.reduce((best, sample) => (better(of(sample), of(best)) ? sample : best));
  const low = by((a, b) => a < b);
  const high = by((a, b) => a > b);
  const say = sample => `${count(of(sample))} at ${clock(sample.at)}`;
  return `${label}: ${say(samples[0])}, ${say(samples.at(-1))}; lowest ${say(low)}, highest ${say(high)}.`;
}

function table(series, samples) {
  const rows = [];
  for (const sample of samples) {
    const slot = Math.floor(sample.at / TABLE_STEP);
    if (rows.at(-1)?.slot !== slot) rows.push({ slot, sample });
  }

  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": "Samples" },
    h(
      "table",
      {},
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          h("th", { scope: "col" }, "UTC"),
          series.map(one => h("th", { scope: "col", class: "number" }, one.name)),
        ),
      ),
      h(
        "tbody",
        {},
        rows.map(({ sample }) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, clock(sample.at)),
            series.map(one => h("td", { class: "number" }, count(one.of(sample)))),
          ),
        ),
      ),
    ),
  );
}
