// How wide a text is, and as much of it as fits: pictures do not wrap or clip by themselves.

import { visible } from "./visible.js";

const KEPT_MAX = 4000;
const context = document.createElement("canvas").getContext("2d");
const kept = new Map();
let family = "";

/** The width of a visible text in pixels. */
export function widthOf(text, size, weight = 400) {
  const key = `${weight} ${size} ${text}`;
  const known = kept.get(key);
  if (known !== undefined) return known;
  family ||= getComputedStyle(document.body).fontFamily;
  context.font = `${weight} ${size}px ${family}`;
  const width = context.measureText(text).width;
  if (kept.size >= KEPT_MAX) kept.clear();
  kept.set(key, width);
  return width;
}

/** A text node with as much of the text as fits into `room`, made visible, and an ellipsis. */
export function fitted(text, room, size, weight = 400) {
  const whole = visible(text);
  if (widthOf(whole, size, weight) <= room) return document.createTextNode(whole);
  // No letter is narrower than a pixel: what is beyond that is not looked at.
  const letters = [...whole].slice(0, Math.max(1, Math.floor(room)));
  let [fits, tooLong] = [1, letters.length + 1];
  while (tooLong - fits > 1) {
    const half = (fits + tooLong) >> 1;
    if (widthOf(`${letters.slice(0, half).join("")}…`, size, weight) <= room) fits = half;
    else tooLong = half;
  }
  return document.createTextNode(`${letters.slice(0, fits).join("")}…`);
}
