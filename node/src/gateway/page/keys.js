// Keys that work everywhere, and moving among many things with one tab stop.

import { el, testid } from "./dom.js";
import { closePanel, openPanel } from "./panel.js";
import { VIEWS, go } from "./router.js";
import { kept } from "./store.js";

const HELP = [
  ["1 – 6", "Network, Exchange, People, Messages, Orders, Methods"],
  ["/", "to the filter"],
  ["n", "new: the first form of the view"],
  ["Space", "in the exchange: follow or pause"],
  ["↑ ↓ ← →  Home  End", "from one thing to the next in pictures and lists"],
  ["Enter", "details of what has the focus"],
  ["Esc", "close what is open"],
  ["?", "these keys"],
];

const OFF = "bothways.keys";

/** Listens to the keys of the whole page. */
export function listen() {
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") {
      if (!closePanel()) document.activeElement?.blur?.();
      return;
    }
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    if (singleKeys() && act(event.key)) event.preventDefault();
  });
}

function act(key) {
  if (key === "?") return showKeys();
  if (key === "/") return focusOn("[data-filter]");
  if (key === "n") return press("[data-new]");
  const view = VIEWS[Number(key) - 1];
  if (!view) return false;
  go(view);
  return true;
}

/** Shows which keys there are. */
export function showKeys() {
  const rows = HELP.map(([keys, what]) =>
    el(
      "div",
      {},
      el(
        "dt",
        {},
        keys.split("  ").map((key) => el("kbd", {}, key)),
      ),
      el("dd", {}, what),
    ),
  );
  const box = el("input", {
    type: "checkbox",
    id: "single-keys",
    checked: singleKeys(),
    ...testid("single-keys"),
    on: { change: () => (box.checked ? kept.remove(OFF) : kept.set(OFF, "off")) },
  });
  openPanel({
    title: "Keys",
    content: [
      el("dl.keys", {}, rows),
      el("p.switch-line", {}, box, el("label", { for: "single-keys" }, "Single keys: 1 – 6, /, n, ? and Space")),
      el("p.hint", {}, "Turn them off where speech or another device presses keys by accident. This browser keeps the choice."),
    ],
  });
  return true;
}

/** Whether keys without a modifier act on the whole page (WCAG 2.1.4). */
export function singleKeys() {
  return kept.get(OFF) !== "off";
}

function focusOn(selector) {
  const found = document.querySelector(`#main ${selector}`);
  found?.focus();
  found?.select?.();
  return Boolean(found);
}

function press(selector) {
  const found = document.querySelector(`#main ${selector}`);
  found?.click();
  return Boolean(found);
}

/**
 * One tab stop for all that match within a container; arrows, Home and End move on. Call the
 * returned function when the things have changed.
 */
export function roving(container, selector) {
  const all = () => [...container.querySelectorAll(selector)];
  // Links and buttons are tab stops without any `tabindex`.
  const choose = (chosen) => {
    for (const one of container.querySelectorAll(`${selector}:not([tabindex="-1"])`))
      if (one !== chosen) one.setAttribute("tabindex", "-1");
    chosen?.setAttribute("tabindex", "0");
  };
  const refresh = () => {
    const list = all();
    choose(
      list.find((one) => one === document.activeElement) ??
        list.find((one) => one.getAttribute("aria-current")) ??
        list.find((one) => one.getAttribute("tabindex") === "0") ??
        list[0],
    );
  };
  container.addEventListener("focusin", (event) => {
    const one = event.target.closest(selector);
    if (one && container.contains(one)) choose(one);
  });
  container.addEventListener("keydown", (event) => {
    const list = all();
    const at = list.indexOf(event.target.closest(selector));
    const to = {
      ArrowDown: at + 1,
      ArrowRight: at + 1,
      ArrowUp: at - 1,
      ArrowLeft: at - 1,
      Home: 0,
      End: list.length - 1,
    }[event.key];
    if (at < 0 || to === undefined || !list[to]) return;
    event.preventDefault();
    list[to].focus();
    list[to].scrollIntoView?.({ block: "nearest" });
  });
  return refresh;
}

/** Makes a thing that is no button act like one. */
export function pressable(act) {
  return {
    click: act,
    keydown: (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      event.stopPropagation();
      act(event);
    },
  };
}
