// An address that names no view.

import { h } from "../dom.js";

export default {
  title: () => "Nothing here",
  load: async () => ({}),
  draw: () => [
    h("p", {}, "There is no such view. ", h("a", { href: "#/" }, "At a glance"), " is a place to start."),
  ],
};
