// Shows one view at a time in <main>: loads its data, draws it, and loads it again when a change concerns it.

import { Problem, Unreachable } from "./api.js";
import { h, morph } from "./dom.js";

/** The least time between two loads, in milliseconds, so that a busy network does not keep the page busy. */
const LEAST_PAUSE = 1_000;

/** A load that took long is followed by so many times as long a pause, so that a large record keeps no server busy. */
const PAUSES = 10;

/**
 * @typedef {object} View
 * @property {(place: import("./router.js").Place, data?: object) => string} title
 * @property {(place: import("./router.js").Place, signal: AbortSignal) => Promise<object>} load
 * @property {(place: import("./router.js").Place) => Node[]} [frame] What stands above the data, and above a refusal too.
 * @property {(data: object, place: import("./router.js").Place, again: () => void) => Node[]} draw
 * @property {(change: object, place: import("./router.js").Place, data?: object) => boolean} [concerns] Whether a change
 *   makes it load again.
 * @property {number | ((data: object) => number)} [every] After how many milliseconds it loads again anyway.
 */
export class Screen {
  #main;
  #view = null;
  #place = null;
  #visit = null;
  #data = null;
  #timer = null;
  #loadedAt = 0;
  #pause = LEAST_PAUSE;
  #isLoading = false;
  #isDue = false;
  #isRefused = false;

  constructor(main) {
    this.#main = main;
    document.addEventListener("visibilitychange", () => document.hidden || this.refresh());
  }

  /** Goes to a place. The same view with another query keeps the focus where it is. */
  open(view, place) {
    const isSame = view === this.#view && place.path.join("/") === this.#place.path.join("/");
    this.#visit?.abort();
    this.#visit = new AbortController();
    this.#isLoading = false;
    this.#isDue = false;
    this.#view = view;
    this.#place = place;
    this.#main.setAttribute("aria-busy", "true");
    if (!isSame) {
      this.#data = null;
      this.#show(h("p", { class: "note waiting" }, "Asking the server…"));
      this.#main.querySelector("h1").focus();
      scrollTo(0, 0);
    }

    this.#load();
  }

  /** Takes in a change of the record. */
  changed(change) {
    if (this.#view?.concerns?.(change, this.#place, this.#data)) this.#due();
  }

  /** Loads the view again, now. */
  refresh() {
    if (this.#view) this.#load();
  }

  #due() {
    // Asking the same again would be refused again.
    if (this.#isRefused) return;
    if (this.#isLoading) this.#isDue = true;
    else this.#after(Math.max(0, this.#pause - (performance.now() - this.#loadedAt)));
  }

  #after(wait) {
    const due = performance.now() + wait;
    if (this.#timer && this.#timer.due <= due) return;
    clearTimeout(this.#timer?.id);
    this.#timer = { due, id: setTimeout(() => this.#timed(), wait) };
  }

  #timed() {
    this.#timer = null;
    if (!document.hidden) this.#load();
  }

  async #load() {
    if (this.#isLoading) {
      this.#isDue = true;
      return;
    }

    clearTimeout(this.#timer?.id);
    this.#timer = null;
    this.#isLoading = true;
    this.#isDue = false;
    this.#isRefused = false;
    const { signal } = this.#visit;
    const begun = performance.now();
    try {
      const data = await this.#view.load(this.#place, signal);
      if (signal.aborted) return;
      if (!this.#data) performance.mark("useful");
      this.#data = data;
      this.#show(...this.#view.draw(data, this.#place, () => this.refresh()));
    } catch (fault) {
      if (signal.aborted) return;
      this.#fail(fault);
    }

    this.#main.setAttribute("aria-busy", "false");
    this.#isLoading = false;
    this.#loadedAt = performance.now();
    this.#pause = Math.max(LEAST_PAUSE, PAUSES * (this.#loadedAt - begun));
    if (this.#isDue) this.#due();
    const { every } = this.#view;
    if (every && !this.#isRefused)
      this.#after(Math.max(typeof every === "function" ? every(this.#data) : every, this.#pause / 2));
  }

  #show(...children) {
    const title = this.#view.title(this.#place, this.#data);
    document.title = `${title} · CallServer`;
    const frame = this.#view.frame?.(this.#place);
    morph(
      this.#main,
      h("h1", { tabindex: "-1", key: "title" }, title),
      frame,
      h("div", { key: "data", class: "data" }, children),
    );
  }

  #fail(fault) {
    // The banner says that the server is lost; what was last heard stays.
    if (fault instanceof Unreachable) {
      if (!this.#data) this.#show(h("p", { class: "note waiting" }, "Waiting for the server."));
      return;
    }

    if (!(fault instanceof Problem)) console.error(fault);
    this.#isRefused = fault.status >= 400 && fault.status < 500;
    this.#show(
      h(
        "div",
        { class: "panel bad", role: "alert", key: "refusal" },
        h("strong", {}, fault instanceof Problem ? fault.message : "The page has a fault of its own"),
        h("p", {}, fault instanceof Problem ? fault.detail : String(fault)),
        h("button", { type: "button", onclick: () => this.refresh() }, "Try again"),
      ),
    );
  }
}
