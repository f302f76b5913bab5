// Who may ask: holds the token for as long as the tab is open, and asks for one where the server wants it.

import { h, replace } from "./dom.js";

const NAME = "callserver.token";

let asking = null;

/** The token; null if there is none. */
export const heldToken = () => sessionStorage.getItem(NAME);

/** Forgets the token, unless another has taken its place meanwhile. */
export function forgetToken(token = heldToken()) {
  if (token !== null && heldToken() === token) sessionStorage.removeItem(NAME);
}

/** Completes when somebody has entered a token; everyone who waits shares one dialog. */
export async function waitForToken(why, signal) {
  if (heldToken()) return;
  asking ??= ask(why).finally(() => (asking = null));
  await Promise.race([asking, aborted(signal)]);
}

const aborted = signal =>
  new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason), { once: true }));

function ask(why) {
  const dialog = document.getElementById("sign-in");
  return new Promise(resolve => {
    const field = h("input", {
      id: "token",
      type: "password",
      autocomplete: "current-password",
      required: true,
      "aria-describedby": "token-note",
    });
    replace(
      dialog,
      h("h2", { id: "sign-in-title" }, "This server asks for a token"),
      why && h("p", { class: "bad", role: "alert" }, why),
      h(
        "form",
        {
          onsubmit: event => {
            event.preventDefault();
            const token = field.value.trim();
            if (!token) return;
            sessionStorage.setItem(NAME, token);
            dialog.close();
            resolve();
          },
        },
        h("label", { for: "token" }, "Token"),
        field,
        h(
          "p",
          { id: "token-note", class: "note" },
          "It is kept until this tab is closed, and sent to this server only.",
        ),
        h("div", { class: "buttons" }, h("button", { class: "main" }, "Sign in")),
      ),
    );
    // Without a token there is nothing to show, so Escape does not close it.
    dialog.oncancel = event => event.preventDefault();
    dialog.showModal();
    field.focus();
  });
}
