// Follows the server's changes (GET /v1/events), by a streamed answer, because EventSource cannot send a token. After a
// loss it resumes where it was, so that nothing is missed and nothing is loaded anew.

import { Problem, send } from "./api.js";

/** The server sends something at least every 15 s; twice as long without anything is a loss. */
const SILENCE = 32_000;
const FIRST_REST = 1_000;
const LONGEST_REST = 10_000;

/**
 * @typedef {{kind: "opening"} | {kind: "live", caughtUp: number | null, lostFor: number | null}
 *   | {kind: "lost" | "refused", since: number, retryAt: number, why: string}} FeedState
 * A server that refuses answers, but does not let the page follow. `caughtUp` counts the changes that a resume brought; null after a first start. `lostFor` is in milliseconds.
 */
export class Feed {
  #told;
  #newest = null;
  #stream = null;
  #wake = null;
  #lostSince = null;
  #heardAt = null;
  #rest = FIRST_REST;
  #missed = null;

  /** @type {FeedState} */
  state = { kind: "opening" };

  /**
   * @param {{change: (change: object) => void, gap: () => void, state: (state: FeedState) => void}} told is called with
   *   each change, when changes are gone for good (everything has to be read again), and when the state changes.
   */
  constructor(told) {
    this.#told = told;
  }

  /** Follows until the page is closed. */
  async run() {
    setInterval(
      () => this.#heardAt !== null && performance.now() - this.#heardAt > SILENCE && this.doubt(),
      1_000,
    );
    for (;;) {
      try {
        await this.#follow();
        this.#stop("lost", "it closed the connection");
      } catch (fault) {
        if (fault instanceof Problem) this.#stop("refused", fault.message);
        else this.#stop("lost", "it does not answer");
      }

      await this.#resting();
    }
  }

  /** Something else got no answer: the stream may be dead without having said so. */
  doubt() {
    this.#stream?.abort();
  }

  /** Tries again without waiting. */
  retry() {
    this.#wake?.();
  }

  async #follow() {
    this.#stream = new AbortController();
    try {
      const headers = this.#newest === null ? {} : { "Last-Event-ID": this.#newest };
      const answer = await send("GET", "/v1/events", { headers, signal: this.#stream.signal });
      const isResumed = this.#newest !== null;
      this.#missed = isResumed ? 0 : null;
      this.#rest = FIRST_REST;
      this.#heardAt = performance.now();
      this.#live();
      const text = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { value, done } = await text.read();
        if (done) return;
        this.#heardAt = performance.now();
        const blocks = (rest + value).split("\n\n");
        rest = blocks.pop();
        for (const block of blocks) this.#take(parse(block));
      }
    } finally {
      this.#stream.abort();
      this.#stream = null;
      this.#heardAt = null;
    }
  }

  #take({ id, event, data }) {
    if (id) this.#newest = id;
    if (event === "gap") this.#told.gap();
    else if (event === "complete") this.#complete();
    // The connection closes now, and the next one asks for another token.
    else if (event === "ended") return;
    else if (event) {
      if (this.#missed !== null) this.#missed++;
      this.#told.change(data);
    }
  }

  /** Everything up to the moment of the resume has come. */
  #complete() {
    this.#tell({ ...this.state, caughtUp: this.#missed });
    this.#missed = null;
  }

  #live() {
    const lostFor = this.#lostSince === null ? null : Date.now() - this.#lostSince;
    this.#lostSince = null;
    this.#tell({ kind: "live", caughtUp: null, lostFor });
  }

  #stop(kind, why) {
    if (kind === "lost") this.#lostSince ??= Date.now();
    const wait = this.#rest * (0.8 + 0.4 * Math.random());
    this.#rest = Math.min(LONGEST_REST, this.#rest * 2);
    this.#tell({ kind, since: this.#lostSince ?? Date.now(), retryAt: Date.now() + wait, why });
  }

  #tell(state) {
    this.state = state;
    this.#told.state(state);
  }

  async #resting() {
    await new Promise(resolve => {
      this.#wake = resolve;
      setTimeout(resolve, this.state.retryAt - Date.now());
    });
    this.#wake = null;
  }
}

/** One event of the stream (WHATWG HTML, server-sent events); a comment has no event. */
function parse(block) {
  const event = {};
  for (const line of block.split("\n")) {
    const colon = line.indexOf(": ");
    if (colon > 0) event[line.slice(0, colon)] = line.slice(colon + 2);
  }

  return event.event ? { ...event, data: JSON.parse(event.data) } : {};
}
