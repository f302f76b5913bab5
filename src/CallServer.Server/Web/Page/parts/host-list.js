// The hosts of a fleet: who lives, and what each of them holds.

import { h } from "../dom.js";
import { count, text, time } from "../format.js";
import { table } from "./list.js";
import { status } from "./status.js";

const COLUMNS = asOf => [
  { title: "Host", cell: host => [host.host, host.self && h("span", { class: "quiet" }, " (this one)")] },
  { title: "State", cell: host => status(host.state) },
  { title: "Units", cell: host => count(host.units), isNumber: true },
  { title: "Gateways", cell: host => count(host.gateways), isNumber: true },
  { title: "Since", cell: host => time(host.since, asOf) },
  { title: "Last took a unit", cell: host => (host.took ? time(host.took, asOf) : text(null)) },
];

/** The hosts of a fleet, one a line. */
export const hostList = ({ items, asOf }) =>
  table("Hosts", COLUMNS(asOf), items, host => `${host.address} ${host.since}`, { sort: null });
