// Says how the page stands with its server: live, lost since when and when it tries again, or back and caught up.

import { h, morph } from "./dom.js";
import { counted, duration } from "./format.js";

const SHOWN_FOR = 12_000;

/** Shows a feed's state in the banner and in the header's badge, and keeps the seconds right. */
export class Link {
  #banner;
  #badge;
  #feed;
  #server = "the server";
  #backUntil = 0;
  #lostFor = null;

  constructor(banner, badge, feed) {
    this.#banner = banner;
    this.#badge = badge;
    this.#feed = feed;
    setInterval(() => this.draw(), 1_000);
  }

  /** How to call the server. */
  set server(name) {
    this.#server = name;
  }

  /** Takes in a state of the feed. */
  take(state) {
    if (state.kind === "live" && state.lostFor !== null) {
      this.#lostFor = state.lostFor;
      this.#backUntil = Date.now() + SHOWN_FOR;
    }

    document.body.classList.toggle("stale", state.kind === "lost");
    this.draw();
  }

  draw() {
    const { state } = this.#feed;
    morph(this.#badge, badge(state.kind));
    if (state.kind === "lost") morph(this.#banner, this.#lost(state));
    else if (state.kind === "refused") morph(this.#banner, this.#refused(state));
    else if (state.kind === "live" && Date.now() < this.#backUntil) morph(this.#banner, this.#back(state));
    else morph(this.#banner);
  }

  #lost({ since, retryAt, why }) {
    const wait = Math.max(0, Math.round((retryAt - Date.now()) / 1000));
    const at = new Date(since).toISOString().slice(11, 19);
    return h(
      "div",
      { class: "banner lost", key: "lost" },
      h("strong", {}, `Lost ${this.#server} at ${at} UTC`),
      h("span", {}, ` (${why}). What you see is from then. The page tries again by itself.`),
      // The seconds would be read aloud each time they change.
      h(
        "span",
        { class: "quiet", "aria-hidden": "true" },
        ` Lost for ${duration(Math.round((Date.now() - since) / 1000))}; next try ${wait ? `in ${wait} s` : "now"}. `,
      ),
      h("button", { type: "button", onclick: () => this.#feed.retry() }, "Try now"),
    );
  }

  #refused({ why }) {
    return h(
      "div",
      { class: "banner refused", key: "refused" },
      h("strong", {}, `${this.#server} does not let this page follow its changes`),
      ` (${why}). The page asks every few seconds instead, and tries again.`,
    );
  }

  #back({ caughtUp }) {
    const missed = caughtUp === null ? "." : `: caught up with ${counted(caughtUp, "change")}.`;
    return h(
      "div",
      { class: "banner back", key: "back" },
      h("strong", {}, `${this.#server} is back`),
      ` after ${duration(Math.round(this.#lostFor / 1000))}${missed}`,
    );
  }
}

const WORDS = {
  opening: ["…", "connecting"],
  live: ["●", "live"],
  lost: ["✕", "lost"],
  refused: ["◐", "asking"],
};

function badge(kind) {
  const [mark, word] = WORDS[kind];
  return h("span", { class: `badge ${kind}` }, h("span", { "aria-hidden": "true" }, mark), " ", word);
}
