// The top of every view: which server this is, how it stands, and where else to look.

import { h } from "./dom.js";
import { count } from "./format.js";
import { link } from "./router.js";

const VIEWS = [
  [[], "At a glance"],
  [["connections"], "Connections"],
  [["findings"], "Findings"],
  [["cdrs"], "CDRs"],
  [["recovery"], "Recovery"],
  [["control-log"], "Control log"],
];

export const header = {
  /** The server's name, role and epoch, and its connections. */
  server: ({ name, role, epoch, ready, connections }) =>
    h(
      "p",
      {},
      h("strong", {}, name),
      h("span", { class: `role ${role}` }, role),
      h("span", { class: "quiet" }, `epoch ${epoch}`),
      h("span", {}, `${count(connections)} connections`),
      !ready && h("span", { class: "status warn" }, "… not ready yet"),
    ),

  /** The links to the views; `current` is the first segment of the address. */
  views: current =>
    h(
      "ul",
      {},
      VIEWS.map(([path, title]) =>
        h("li", {}, h("a", { href: link(path), "aria-current": path[0] === current ? "page" : null }, title)),
      ),
    ),
};
