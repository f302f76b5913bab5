// Reads lists that are needed whole.

import { at, read } from "./api.js";

/** All items of a list, with the envelope of its first page. */
export async function readAll(path, signal) {
  const list = await read(at(path, { limit: "1000" }), signal);
  for (let next = list.next; next;) {
    const more = await read(at(path, { limit: "1000", cursor: next }), signal);
    list.items.push(...more.items);
    next = more.next;
  }

  return list;
}
