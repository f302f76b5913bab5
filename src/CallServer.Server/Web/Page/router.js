// Addresses within the page: #/connections/gw1/ID?sort=-start is a path of segments and a query.

/** @typedef {{path: string[], query: Record<string, string>}} Place */

/** The place that the address bar names. */
export function here() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  return {
    path: path === "" ? [] : path.split("/").map(decode),
    query: Object.fromEntries(new URLSearchParams(query ?? "")),
  };
}

// Somebody may have typed the address.
function decode(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** The link to a place; parameters without a value are left out. */
export function link(path, query = {}) {
  const parameters = new URLSearchParams(Object.entries(query).filter(([, value]) => value));
  return `#/${path.map(encodeURIComponent).join("/")}${parameters.size ? `?${parameters}` : ""}`;
}

/** Links to what the record holds. */
export const toGateway = gateway => link(["gateways", gateway]);
export const toConnection = (gateway, id) => link(["connections", gateway, id]);
/** A gateway tells calls apart that have the same id. */
export const toCall = (call, gateway) => link(["calls", call], { gateway });

/**
 * Goes to the same view with another query. While somebody types, one entry of the history stands for all that is
 * typed.
 */
export function requery(query, { typing = false } = {}) {
  const target = link(here().path, query);
  if (target === location.hash) return;
  if (!typing) location.hash = target;
  else {
    history.replaceState(null, "", target);
    dispatchEvent(new HashChangeEvent("hashchange"));
  }
}
