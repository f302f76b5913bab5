// Puts the page together: the header, the views by their addresses, and the feed that keeps them fresh.

import { read, Unreachable } from "./api.js";
import { morph } from "./dom.js";
import { Feed } from "./feed.js";
import { Link } from "./link.js";
import { header } from "./header.js";
import { here } from "./router.js";
import { Screen } from "./screen.js";
import { followTheme } from "./theme.js";
import { forgetToken, heldToken } from "./token.js";
import call from "./views/call.js";
import cdrs from "./views/cdrs.js";
import connection from "./views/connection.js";
import connections from "./views/connections.js";
import controlLog from "./views/control-log.js";
import findings from "./views/findings.js";
import gateway from "./views/gateway.js";
import glance from "./views/glance.js";
import lost from "./views/lost.js";
import recovery from "./views/recovery.js";

const STATUS_EVERY = 3_000;

/** First segment of the address, number of segments -> view. */
const VIEWS = {
  "/0": glance,
  "connections/1": connections,
  "connections/3": connection,
  "calls/2": call,
  "findings/1": findings,
  "gateways/2": gateway,
  "cdrs/1": cdrs,
  "recovery/1": recovery,
  "control-log/1": controlLog,
};

const element = id => document.getElementById(id);

const screen = new Screen(element("main"));
const feed = new Feed({
  change: change => {
    screen.changed(change);
    if (change.kind === "role") refreshStatus();
  },
  gap: () => screen.refresh(),
  state: state => {
    link.take(state);
    if (state.kind === "live" && state.lostFor !== null) {
      screen.refresh();
      refreshStatus();
    }
  },
});
const link = new Link(element("banner"), element("badge"), feed);

function open() {
  const place = here();
  screen.open(VIEWS[`${place.path[0] ?? ""}/${place.path.length}`] ?? lost, place);
  morph(element("views"), header.views(place.path[0]));
}

let statusTimer = 0;

async function refreshStatus() {
  clearTimeout(statusTimer);
  try {
    const status = await read("/v1/status");
    link.server = status.name;
    morph(element("server"), header.server(status));
    element("sign-out").hidden = !heldToken();
  } catch (fault) {
    if (fault instanceof Unreachable) feed.doubt();
  }

  statusTimer = setTimeout(refreshStatus, STATUS_EVERY);
}

element("sign-out").onclick = () => {
  forgetToken();
  location.reload();
};
element("skip").onclick = event => {
  event.preventDefault();
  element("main").querySelector("h1").focus();
};
followTheme(element("theme"));
addEventListener("hashchange", open);
open();
refreshStatus();
feed.run();
