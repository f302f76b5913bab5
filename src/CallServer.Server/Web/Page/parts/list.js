// A long list that the server filters, sorts and pages: its form, its table, and the way through its pages. What is
// asked for stands in the address, so that it can be kept, sent and gone back to.

import { h } from "../dom.js";
import { here, link, requery } from "../router.js";

const TYPING = 250;

/**
 * @typedef {{name: string, label: string, options?: (string | [string, string])[], hint?: string, type?: string,
 *   isLong?: boolean}} Field `isLong`: what is typed needs twice the room.
 */

/**
 * The form above a list. It applies by itself, a moment after the last key.
 * @param {Field[]} fields
 */
export function filters(fields, query, label) {
  let wait = 0;
  const apply = (form, typing) => {
    clearTimeout(wait);
    const given = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, value.trim()]));
    requery({ ...here().query, cursor: null, ...given }, { typing });
  };
  return h(
    "form",
    {
      class: "filters",
      key: "filters",
      role: "search",
      "aria-label": label,
      onsubmit: event => {
        event.preventDefault();
        apply(event.currentTarget, false);
      },
      oninput: event => {
        const form = event.currentTarget;
        if (event.target instanceof HTMLSelectElement) return apply(form, false);
        clearTimeout(wait);
        wait = setTimeout(() => apply(form, true), TYPING);
      },
    },
    fields.map(field => control(field, query[field.name] ?? "")),
    fields.some(field => query[field.name]) &&
      h("a", { class: "clear", href: link(here().path, { sort: query.sort }) }, "Clear all"),
  );
}

function control({ name, label, options, hint, type, isLong }, value) {
  const id = `filter-${name}`;
  return h(
    "div",
    { class: isLong ? "field long" : "field", key: name },
    h("label", { for: id }, label),
    options
      ? h(
          "select",
          { id, name },
          [["", "any"], ...options.map(option => (Array.isArray(option) ? option : [option, option]))].map(
            ([word, shown]) => h("option", { value: word, selected: word === value }, shown),
          ),
        )
      : h("input", {
          id,
          name,
          value,
          type: type ?? "search",
          placeholder: hint,
          autocomplete: "off",
          spellcheck: "false",
        }),
  );
}

/**
 * The query as the server wants it: these texts are looked for anywhere in a fact, unless somebody says with `*` where.
 */
export const anywhere = (query, texts) =>
  Object.fromEntries(
    Object.entries(query).map(([name, value]) => [
      name,
      texts.includes(name) && value && !value.includes("*") ? `*${value}*` : value,
    ]),
  );

/**
 * @typedef {{title: string, cell: (item: object) => any, sort?: string, isNumber?: boolean, isWide?: boolean}} Column
 * `isWide` columns are left out where there is little room.
 */

/**
 * A table whose sortable headings are buttons.
 * @param {Column[]} columns
 * @param {(item: object) => string} key
 */
export function table(caption, columns, items, key, { sort, none = "Nothing to show." } = {}) {
  if (items.length === 0) return h("p", { class: "note", key: "none" }, none);
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption, key: "table" },
    h(
      "table",
      { class: `cards table-${caption.toLowerCase().replaceAll(" ", "-")}` },
      h("caption", { class: "hidden" }, caption),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          columns.map(column => heading(column, sort)),
        ),
      ),
      h(
        "tbody",
        {},
        items.map(item =>
          h(
            "tr",
            { key: key(item) },
            columns.map((column, index) =>
              index === 0
                ? h("th", { scope: "row", class: classes(column) }, column.cell(item))
                : h("td", { class: classes(column), "data-title": column.title }, column.cell(item)),
            ),
          ),
        ),
      ),
    ),
  );
}

const classes = ({ isNumber, isWide }) =>
  [isNumber && "number", isWide && "wide"].filter(Boolean).join(" ") || null;

function heading(column, sort) {
  const props = {
    scope: "col",
    class: [classes(column), column.sort && "sortable"].filter(Boolean).join(" ") || null,
    key: column.title,
  };
  if (!column.sort) return h("th", props, column.title);
  const isDown = sort === `-${column.sort}`;
  const isSorted = isDown || sort === column.sort;
  const next = isDown ? null : isSorted ? `-${column.sort}` : column.sort;
  return h(
    "th",
    { ...props, "aria-sort": isSorted ? (isDown ? "descending" : "ascending") : null },
    h(
      "button",
      {
        type: "button",
        class: "sort",
        "data-sort": column.sort,
        onclick: () => requery({ ...here().query, sort: next, cursor: null }),
      },
      column.title,
      h("span", { "aria-hidden": "true" }, isSorted ? (isDown ? " ▼" : " ▲") : ""),
    ),
  );
}

/** The way to the next page and back to the first. Going back one page is the browser's own. */
export function pager(next) {
  const { path, query } = here();
  if (!next && !query.cursor) return null;
  return h(
    "nav",
    { class: "pager", "aria-label": "Pages", key: "pager" },
    query.cursor && h("a", { key: "first", href: link(path, { ...query, cursor: null }) }, "First page"),
    next && h("a", { key: "next", href: link(path, { ...query, cursor: next }) }, "Next page"),
  );
}
