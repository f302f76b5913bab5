// Asks before the page orders anything: the dialog names what will happen, gives the order, and says what came of it.

import { Problem, Unreachable } from "./api.js";
import { h, replace } from "./dom.js";

/**
 * @param {object} asked
 * @param {string} asked.title The order as a question.
 * @param {string[]} asked.effects What will happen, one sentence each.
 * @param {string} asked.button What the button says: the verb and what it is done to.
 * @param {boolean} [asked.isGrave] Calls end, or another server acts.
 * @param {{name: string, label: string, value?: string}[]} [asked.fields] What has to be told besides.
 * @param {(given: Record<string, string>) => Promise<string>} asked.act Gives the order; the result in one sentence.
 */
export function confirm({ title, effects, button, isGrave = false, fields = [], act }) {
  const dialog = document.getElementById("confirm");
  const outcome = h("div", { class: "outcome", role: "status" });
  const cancel = h("button", { type: "button", onclick: () => dialog.close() }, "Cancel");
  const go = h("button", { class: isGrave ? "grave" : "main" }, button);
  const form = h(
    "form",
    {
      onsubmit: async event => {
        event.preventDefault();
        go.disabled = true;
        replace(outcome, h("p", { class: "note" }, "Ordered; waiting for the answer…"));
        try {
          const result = await act(Object.fromEntries(new FormData(form)));
          replace(outcome, h("p", { class: "good" }, result));
          go.remove();
          cancel.textContent = "Close";
          cancel.focus();
        } catch (fault) {
          replace(outcome, ...refusal(fault));
          go.disabled = false;
        }
      },
    },
    fields.map(field => [
      h("label", { for: `confirm-${field.name}` }, field.label),
      h("input", {
        id: `confirm-${field.name}`,
        name: field.name,
        value: field.value ?? "",
        required: true,
        maxlength: 500,
        autocomplete: "off",
      }),
    ]),
    outcome,
    h("div", { class: "buttons" }, cancel, go),
  );
  replace(
    dialog,
    h("h2", { id: "confirm-title" }, title),
    h(
      "ul",
      { id: "confirm-effects" },
      effects.map(effect => h("li", {}, effect)),
    ),
    form,
  );
  dialog.showModal();
  (form.querySelector("input") ?? cancel).focus();
}

function refusal(fault) {
  if (fault instanceof Problem)
    return [
      h("p", { class: "bad" }, h("strong", {}, fault.message)),
      fault.detail && h("p", { class: "bad" }, fault.detail),
      fault.status === 403 &&
        h("p", { class: "note" }, "Sign out and in again with a token that may order this."),
    ];
  if (fault instanceof Unreachable)
    return [
      h(
        "p",
        { class: "bad" },
        "The server does not answer: nobody knows whether it took the order. Look before you repeat it.",
      ),
    ];
  throw fault;
}
