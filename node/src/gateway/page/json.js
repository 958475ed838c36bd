// JSON as people read it: indented, its kinds told apart by colour, each string on one line.

import { el, ours } from "./dom.js";

const LONGEST = 200_000;
const DEEPEST = 200;
const WHOLE = /^-?(0|[1-9]\d*)$/;

/**
 * JSON as it was written: a whole number beyond 2^53 stays the text of its digits, where the browser
 * tells (ECMAScript proposal "JSON.parse source text access").
 */
export function parse(text) {
  return JSON.parse(text, (_, value, context) =>
    typeof value === "number" && !Number.isSafeInteger(value) && WHOLE.test(context?.source) ? context.source : value,
  );
}

/** JSON that a person wrote, to be written again with each number as it stands. */
export function parseExact(text) {
  return JSON.parse(text, (_, value, context) =>
    typeof value === "number" && WHOLE.test(context?.source) ? exact(context.source) : value,
  );
}

/** A whole number of any size, to be written as a number. */
export function exact(digits) {
  const number = Number(digits);
  return Number.isSafeInteger(number) || !JSON.rawJSON ? number : JSON.rawJSON(digits);
}

/** The digits of a number that `exact` made, any other value as it is. */
export function plain(value) {
  return JSON.isRawJSON?.(value) ? value.rawJSON : value;
}

/** A listing of a JSON value. */
export function jsonView(value) {
  const pre = el("pre.json.mono", { tabindex: "0" });
  const budget = { left: LONGEST };
  write(pre, value, "", budget);
  if (budget.left <= 0) pre.append(ours("\n"), "… the rest is not shown");
  return pre;
}

function write(pre, value, indent, budget) {
  const depth = indent.length / 2;
  if (budget.left <= 0) return;
  if (depth > DEEPEST) return void pre.append("…");
  if (Array.isArray(value)) {
    group(pre, "[", "]", value, indent, budget, (item, inner) => write(pre, item, inner, budget));
  } else if (value && typeof value === "object") {
    group(pre, "{", "}", Object.entries(value), indent, budget, ([name, item], inner) => {
      token(pre, "key", JSON.stringify(name), budget);
      pre.append(": ");
      write(pre, item, inner, budget);
    });
  } else {
    token(pre, typeof value === "string" ? "string" : "plain", JSON.stringify(value) ?? "", budget);
  }
}

function group(pre, open, close, items, indent, budget, each) {
  if (!items.length) return void pre.append(open + close);
  const inner = `${indent}  `;
  pre.append(open);
  items.forEach((item, at) => {
    if (budget.left <= 0) return;
    pre.append(ours(`\n${inner}`));
    each(item, inner);
    if (at < items.length - 1) pre.append(",");
  });
  pre.append(ours(`\n${indent}`), close);
}

function token(pre, kind, text, budget) {
  budget.left -= text.length;
  pre.append(el(`span.j-${kind}`, {}, text));
}
