// How numbers, times and intervals are written. Times are UTC, as in the server's logs and CDRs.

import { h } from "./dom.js";

const NONE = "–";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** A count with its thousands apart. */
export const count = value => (value === null || value === undefined ? NONE : whole.format(value));

/** "1 gateway", "2 gateways". */
export const counted = (value, one, many = one + "s") => `${count(value)} ${value === 1 ? one : many}`;

/** What is not known is a dash. */
export const text = value => (value === null || value === undefined || value === "" ? NONE : String(value));

/** A length of time in its two largest units; below ten seconds with as many digits as are telling. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined || Number.isNaN(seconds)) return NONE;
  if (seconds < 0) return "-" + duration(-seconds);
  if (seconds === 0) return "0 s";
  if (seconds < 0.001) return "< 1 ms";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${trimmed(seconds)} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return pair(seconds, 60, "min", 1, "s");
  if (seconds < 86400) return pair(seconds, 3600, "h", 60, "min");
  return pair(seconds, 86400, "d", 3600, "h");
}

const trimmed = seconds => seconds.toFixed(1).replace(/\.0$/, "");

function pair(seconds, large, largeUnit, small, smallUnit) {
  const rest = Math.floor((seconds % large) / small);
  return `${Math.floor(seconds / large)} ${largeUnit}` + (rest ? ` ${rest} ${smallUnit}` : "");
}

/** Seconds from one ISO time to another; null if one is missing. */
export const secondsBetween = (from, to) => (from && to ? (Date.parse(to) - Date.parse(from)) / 1000 : null);

/** How long ago something was, by the server's clock, in whole seconds. */
export const ago = (iso, asOf) => duration(Math.max(0, Math.round(secondsBetween(iso, asOf))));

const SECONDS = 19;

/** A moment as `<time>`: with its date unless it is that of `asOf`, and with its whole stamp as its title. */
export function time(iso, asOf, length = SECONDS) {
  if (!iso) return NONE;
  const clock = iso.slice(11, length);
  const isToday = iso.slice(0, 10) === asOf?.slice(0, 10);
  return h("time", { datetime: iso, title: iso }, isToday ? clock : `${iso.slice(0, 10)} ${clock}`);
}

/** A moment to the millisecond, for where the order of things matters. */
export const exactTime = iso => time(iso, null, 23);

/** An interval in words: how exact it is stands beside when it was. */
export function interval(bounds) {
  if (!bounds) return "not known";
  const { earliest, latest } = bounds;
  if (!earliest && !latest) return "not known";
  if (!earliest) return ["at the latest ", exactTime(latest)];
  if (!latest) return ["at the earliest ", exactTime(earliest)];
  const wide = width(bounds);
  if (wide === 0) return exactTime(latest);
  return [
    exactTime(earliest),
    " to ",
    time(latest, latest, 23),
    h("span", { class: "quiet" }, ` ${duration(wide)} wide`),
  ];
}

/** The width of an interval in seconds; null if a bound is missing. */
export function width({ earliest, latest }) {
  if (!earliest || !latest) return null;
  // Date.parse drops microseconds, and many intervals are that narrow.
  return (Date.parse(latest) - Date.parse(earliest)) / 1000 + (micros(latest) - micros(earliest)) / 1e6;
}

const micros = iso => Number((/\.\d{3}(\d{1,3})/.exec(iso)?.[1] ?? "0").padEnd(3, "0"));

/** How long a connection has been active: a time, or its lower bound. */
export function age(seconds) {
  if (!seconds || seconds.min === null) return NONE;
  return seconds.max === null ? `≥ ${duration(seconds.min)}` : duration(seconds.min);
}

/** Quality of service: the class if DSCP is not known. */
export const qos = of =>
  text(of?.dscp !== null && of?.dscp !== undefined ? of.dscp : (of?.service ?? of?.reported));
