// How elements come to be: by DOM calls only, never from markup. Every text passes `visible`.

import { visible } from "./visible.js";

const SVG = "http://www.w3.org/2000/svg";
const SHOWN = new Set(["title", "aria-label", "placeholder", "alt", "label"]);
const FORBIDDEN = /^on|^style$|^srcdoc$|^formaction$/i;

/** An HTML element: `el("p.note", {id: "x", on: {click}}, "text", child)`. */
export function el(spec, attrs, ...children) {
  const [tag, ...classes] = spec.split(".");
  return built(document.createElement(tag), classes, attrs, children);
}

/** An SVG element, made the same way. */
export function svg(spec, attrs, ...children) {
  const [tag, ...classes] = spec.split(".");
  return built(document.createElementNS(SVG, tag), classes, attrs, children);
}

/** Replaces what an element holds. */
export function fill(parent, ...children) {
  parent.replaceChildren(...nodes(children));
  return parent;
}

/** Puts children in this order with as few moves as it takes: what stays keeps focus and scroll. */
export function arrange(parent, children) {
  const wanted = new Set(children);
  for (const old of [...parent.childNodes]) if (!wanted.has(old)) old.remove();
  children.forEach((child, at) => {
    if (parent.childNodes[at] !== child) parent.insertBefore(child, parent.childNodes[at] ?? null);
  });
}

/** A text node that is ours, such as a line's end in a listing. */
export function ours(text) {
  return document.createTextNode(text);
}

/** Draws anew and gives the focus back to what stands for the thing that had it. */
export function keepFocus(place, act) {
  const find = place.contains(document.activeElement) ? standIn(document.activeElement) : null;
  act();
  if (find && !place.contains(document.activeElement)) find()?.focus({ preventScroll: true });
}

/** How to find an element again, or what is drawn in its place: by its span or its test id. */
export function standIn(element) {
  const named = element.closest("[data-span], [data-testid]");
  const { span, testid: id } = named?.dataset ?? {};
  const inner = named !== element ? element.tagName : null;
  return () => {
    if (element.isConnected) return element;
    const same = (one) => (span ? one.dataset.span === span : one.dataset.testid === id);
    const again = id && [...document.querySelectorAll("[data-span], [data-testid]")].find(same);
    return inner ? again?.querySelector(inner) : again;
  };
}

/** A test's handle on an element. */
export function testid(id) {
  return { "data-testid": id };
}

function built(node, classes, attrs, children) {
  if (classes.length) node.classList.add(...classes);
  if (attrs instanceof Node || typeof attrs === "string" || Array.isArray(attrs)) {
    children.unshift(attrs);
    attrs = null;
  }
  for (const [name, value] of Object.entries(attrs ?? {})) set(node, name, value);
  node.append(...nodes(children));
  return node;
}

function set(node, name, value) {
  if (value === undefined || value === null || value === false) return;
  if (name === "on") {
    for (const [event, act] of Object.entries(value)) node.addEventListener(event, act);
  } else if (name === "class") {
    node.classList.add(...value.split(" ").filter(Boolean));
  } else if (name === "value") {
    node.value = value;
  } else if (FORBIDDEN.test(name)) {
    throw new Error(`no attribute ${name}`);
  } else {
    node.setAttribute(name, value === true ? "" : SHOWN.has(name) ? visible(value) : String(value));
  }
}

function nodes(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : document.createTextNode(visible(child))));
}
