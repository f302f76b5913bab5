// Draws figures over the last hour as lines, says the same in words and in a table, and reads a sample out to a pointer
// and to the arrow keys.

import { h, morph, s } from "../dom.js";
import { count } from "../format.js";

const HOUR = 3_600_000;
const MINUTE = 60_000;
const TABLE_STEP = 5 * MINUTE;
const LINES = 4;

/** How far a key goes, in milliseconds; the arrows go from sample to sample. */
const LEAPS = { PageUp: 5 * MINUTE, PageDown: -5 * MINUTE, Home: -HOUR, End: HOUR };

/** The moment that somebody reads in a plot, by its label: a plot that is drawn anew keeps it. */
const read = new Map();

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
  const plane = planeOf(drawn, told, now);
  return h(
    "figure",
    { class: "plot" },
    h("figcaption", {}, legend(drawn), h("span", { class: "reading" }, reading(plane, readIn(label, plane)))),
    h(
      "div",
      { class: "plot-area" },
      h(
        "div",
        { class: "plot-values", "aria-hidden": "true" },
        plane.axis.ticks.toReversed().map(tick => h("span", {}, count(tick))),
      ),
      reader(label, plane),
      h(
        "div",
        { class: "plot-times", "aria-hidden": "true" },
        [60, 45, 30, 15, 0].map(minutes => h("span", {}, clock(now - minutes * MINUTE))),
      ),
    ),
    h("p", { class: "note", id: describer(label) }, describe(series[0], told)),
    h("details", {}, h("summary", {}, "As a table"), table(drawn, told)),
  );
}

const clock = (at, length = 16) => new Date(at).toISOString().slice(11, length);

const legend = series => series.map((one, index) => h("span", { class: `legend line-${index}` }, one.name));

const describer = label => `${label.toLowerCase().replaceAll(" ", "-")}-in-words`;

/**
 * What is drawn, and where: `x` and `y` are shares of the width and of the height, from the left and from the top.
 */
function planeOf(series, samples, now) {
  const axis = axisOf(series, samples);
  return {
    series,
    samples,
    axis,
    x: at => (at - (now - HOUR)) / HOUR,
    y: value => 1 - (value - axis.bottom) / (axis.top - axis.bottom),
    at: x => now - HOUR + x * HOUR,
  };
}

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

/** The drawing, which is a slider over time for whoever reads it. */
function reader(label, plane) {
  const go = (element, sample) => {
    if (sample) read.set(label, sample.at);
    else read.delete(label);
    const { now, said } = valueOf(plane, sample);
    element.setAttribute("aria-valuenow", now);
    element.setAttribute("aria-valuetext", said);
    morph(element.lastChild, cursor(plane, sample));
    morph(element.closest("figure").querySelector(".reading"), reading(plane, sample));
  };
  const sample = readIn(label, plane);
  const point = event => {
    const { left, width } = event.currentTarget.getBoundingClientRect();
    go(event.currentTarget, nearest(plane, plane.at((event.clientX - left) / width)));
  };
  const { now, said } = valueOf(plane, sample);
  return h(
    "div",
    {
      class: "plot-drawing",
      role: "slider",
      tabindex: "0",
      "aria-label": `${label}: value at a time`,
      "aria-describedby": describer(label),
      "aria-valuemin": 0,
      "aria-valuemax": plane.samples.length - 1,
      "aria-valuenow": now,
      "aria-valuetext": said,
      onpointermove: point,
      onpointerdown: point,
      // A finger that is lifted leaves, and its owner reads on.
      onpointerleave: event => event.pointerType !== "touch" && go(event.currentTarget, null),
      onfocus: event => read.has(label) || go(event.currentTarget, plane.samples.at(-1)),
      onblur: event => go(event.currentTarget, null),
      onkeydown: event => {
        const next = moved(plane, readIn(label, plane) ?? plane.samples.at(-1), event.key);
        if (!next) return;
        event.preventDefault();
        go(event.currentTarget, next);
      },
    },
    drawing(plane),
    h("div", { class: "plot-cursor" }, cursor(plane, sample)),
  );
}

/** The sample that somebody reads; null if nobody does. */
const readIn = (label, plane) => (read.has(label) ? nearest(plane, read.get(label)) : null);

const nearest = ({ samples }, at) =>
  samples.reduce((best, sample) => (Math.abs(sample.at - at) < Math.abs(best.at - at) ? sample : best));

/** The sample to which a key goes; null if it is no key of a plot. */
function moved(plane, from, key) {
  const { samples } = plane;
  const index = samples.indexOf(from);
  if (key === "ArrowLeft" || key === "ArrowDown") return samples[Math.max(0, index - 1)];
  if (key === "ArrowRight" || key === "ArrowUp") return samples[Math.min(samples.length - 1, index + 1)];
  return key in LEAPS ? nearest(plane, from.at + LEAPS[key]) : null;
}

function valueOf(plane, sample) {
  const shown = sample ?? plane.samples.at(-1);
  return { now: plane.samples.indexOf(shown), said: words(plane, shown) };
}

const words = ({ series }, sample) =>
  `${clock(sample.at, 19)}: ${series.map(one => `${count(one.of(sample))} ${one.name}`).join(", ")}`;

const reading = (plane, sample) =>
  sample ? h("strong", {}, words(plane, sample)) : "Point, or use the arrow keys.";

const percent = share => `${(share * 100).toFixed(2)}%`;

/**
 * A line at the time that is read, and a dot at each value. It is a drawing of its own: in the stretched one a dot is no
 * circle.
 */
function cursor({ series, x, y }, sample) {
  if (!sample) return null;
  const at = percent(x(sample.at));
  return s(
    "svg",
    { "aria-hidden": "true" },
    s("line", { x1: at, x2: at, y1: 0, y2: "100%" }),
    series.map((one, index) =>
      s("circle", { class: `line-${index}`, cx: at, cy: percent(y(one.of(sample))), r: 4 }),
    ),
  );
}

const thousandths = share => (share * 1000).toFixed(1);

const drawing = ({ series, samples, axis, x, y }) =>
  s(
    "svg",
    { "aria-hidden": "true", viewBox: "0 0 1000 1000", preserveAspectRatio: "none" },
    axis.ticks.map(tick =>
      s("line", { class: "grid", x1: 0, x2: 1000, y1: thousandths(y(tick)), y2: thousandths(y(tick)) }),
    ),
    series.map((one, index) =>
      s("polyline", {
        class: `line-${index}`,
        points: samples
          .map(sample => `${thousandths(x(sample.at))},${thousandths(y(one.of(sample)))}`)
          .join(" "),
      }),
    ),
  );

function describe({ of }, samples) {
  const by = better => samples.reduce((best, sample) => (better(of(sample), of(best)) ? sample : best));
  const low = by((a, b) => a < b);
  const high = by((a, b) => a > b);
  const say = sample => `${count(of(sample))} at ${clock(sample.at)}`;
  return `From ${say(samples[0])} to ${say(samples.at(-1))}; lowest ${say(low)}, highest ${say(high)}.`;
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
