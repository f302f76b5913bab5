// How the page asks its server: with the token if there is one, and with problems (RFC 9457) as errors that say what
// to do.

import { forgetToken, heldToken, waitForToken } from "./token.js";

/** An answer that is a refusal. */
export class Problem extends Error {
  constructor(status, body) {
    super(body?.title ?? `The server answered ${status}`);
    this.status = status;
    this.detail = body?.detail ?? null;
  }
}

/** The server could not be reached. */
export class Unreachable extends Error {
  constructor(cause) {
    super("The server does not answer", { cause });
  }
}

/** A read without an answer after so many milliseconds gets none. */
const PATIENCE = 10_000;

/** Reads JSON. */
export async function read(path, signal) {
  const answer = await send("GET", path, { signal, patience: PATIENCE });
  return heard(() => answer.json());
}

/** Reads JSON; null where the server has nothing there (404). */
export async function readOrNull(path, signal) {
  try {
    return await read(path, signal);
  } catch (fault) {
    if (fault instanceof Problem && fault.status === 404) return null;
    throw fault;
  }
}

/** Gives an order; null if its answer has no body. */
export async function order(path, body = {}) {
  const answer = await send("POST", path, {
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  return answer.headers.get("Content-Type")?.includes("json") ? answer.json() : null;
}

/**
 * Sends a request, asks for a token where the server wants one, and sends it again. However long somebody takes to enter
 * it, only the server's time counts against the patience.
 */
export async function send(method, path, { headers = {}, body, signal, patience } = {}) {
  for (;;) {
    const token = heldToken();
    const signals = [signal, patience && AbortSignal.timeout(patience)].filter(Boolean);
    const answer = await heard(() =>
      fetch(path, {
        method,
        body,
        cache: "no-store",
        credentials: "omit",
        redirect: "error",
        signal: AbortSignal.any(signals),
        headers: { ...headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) },
      }),
    );
    if (answer.ok) return answer;
    const problem = new Problem(answer.status, await answer.json().catch(() => null));
    if (answer.status !== 401) throw problem;
    forgetToken(token);
    await waitForToken(token ? "The server does not take this token." : null, signal);
  }
}

/** Tells a network that failed (a TypeError, as the Fetch standard has it) or a time that ran out from everything else. */
async function heard(ask) {
  try {
    return await ask();
  } catch (fault) {
    throw fault instanceof TypeError || fault.name === "TimeoutError" ? new Unreachable(fault) : fault;
  }
}

/** A path with its query; parameters without a value are left out. */
export function at(path, parameters = {}) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value));
  return query.size ? `${path}?${query}` : path;
}
