// How the page's nodes are made and kept up to date. Data becomes text nodes and attribute values; nothing here
// parses markup, and the server's Content-Security-Policy (trusted types) forbids it everywhere else too.

const SVG = "http://www.w3.org/2000/svg";

/**
 * Makes an element. Props are attributes, but for `key` (tells items of a list apart) and functions such as `onclick`.
 * A prop that is null, undefined or false is left out.
 */
export const h = (tag, props, ...children) => fill(document.createElement(tag), props, children);

/** Makes an element of a drawing. */
export const s = (tag, props, ...children) => fill(document.createElementNS(SVG, tag), props, children);

function fill(node, props, children) {
  node.listeners = {};
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "key") node.key = String(value);
    else if (typeof value === "function") node.listeners[name] = node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...nodes(children));
  return node;
}

/** Flattens children: nothing is left out, texts and numbers become text nodes. */
function nodes(children) {
  return children
    .flat(Infinity)
    .filter(child => child !== null && child !== undefined && child !== false)
    .map(child => (child instanceof Node ? child : document.createTextNode(String(child))));
}

/** Gives a parent these children in place of all that it has. */
export const replace = (parent, ...children) => parent.replaceChildren(...nodes(children));

/**
 * Makes a parent's children look like these, and touches only what differs: focus, selection, scrolling and what
 * somebody types survive.
 */
export function morph(parent, ...children) {
  const focused = document.activeElement;
  morphChildren(parent, nodes(children));
  // A node that had to move has lost the focus on its way.
  if (focused !== document.activeElement && focused?.isConnected) focused.focus({ preventScroll: true });
}

function morphChildren(parent, wanted) {
  const keyed = new Map();
  for (const child of parent.childNodes) if (child.key !== undefined) keyed.set(child.key, child);
  let at = parent.firstChild;
  for (const node of wanted) {
    const old = node.key === undefined ? (at && at.key === undefined ? at : null) : keyed.get(node.key);
    if (!old || !isSameKind(old, node)) {
      parent.insertBefore(node, at);
      continue;
    }

    if (old === at) at = at.nextSibling;
    else parent.insertBefore(old, at);
    update(old, node);
  }

  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

const isSameKind = (old, node) => old.nodeType === node.nodeType && old.nodeName === node.nodeName;

function update(old, node) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== node.data) old.data = node.data;
    return;
  }

  for (const { name } of [...old.attributes])
    if (!node.hasAttribute(name) && !isTheUsers(old, name)) old.removeAttribute(name);
  for (const { name, value } of node.attributes)
    if (old.getAttribute(name) !== value && !isTheUsers(old, name)) old.setAttribute(name, value);
  for (const name of Object.keys(old.listeners ?? {})) if (!node.listeners[name]) old[name] = null;
  Object.assign(old, node.listeners);
  old.listeners = node.listeners;
  if (isControl(old) && old !== document.activeElement && old.value !== node.value) {
    morphChildren(old, [...node.childNodes]);
    old.value = node.value;
  } else morphChildren(old, [...node.childNodes]);
}

const isControl = node => node instanceof HTMLInputElement || node instanceof HTMLSelectElement;

/** Whether to open or close something is for whoever reads the page. */
const isTheUsers = (node, name) => name === "open" && node instanceof HTMLDetailsElement;
