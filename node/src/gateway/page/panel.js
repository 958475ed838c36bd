// The panel at the side (at phone width: from below) that shows the details of one thing.

import { el, fill, standIn } from "./dom.js";
import { icon } from "./icons.js";

let shown = null;

/**
 * Opens the panel. `content` is filled in; `focus` says what gets the focus (default: the way out).
 * Returns `{close, fill}`; `onClose` is called once.
 */
export function openPanel({ title, label = title, content, focus, onClose, tag }) {
  const returnTo =
    shown && document.activeElement?.closest(".panel") ? shown.returnTo : standIn(document.activeElement);
  closePanel(false);
  const out = el(
    "button.icon-button",
    { type: "button", "aria-label": "Close", on: { click: () => closePanel() } },
    icon("close"),
  );
  const body = el("div.panel-body", {}, content);
  const head = el("h2", {}, title);
  const panel = el(
    "aside.panel",
    {
      role: "dialog",
      "aria-label": label,
      "data-testid": "panel",
      on: {
        keydown: (event) => {
          if (event.key !== "Escape") return;
          event.stopPropagation();
          closePanel();
        },
      },
    },
    el("div.panel-head", {}, head, out),
    body,
  );
  const place = document.getElementById("panel");
  fill(place, panel);
  document.body.classList.add("with-panel");
  shown = { panel, returnTo, onClose, tag };
  (focus?.() ?? out).focus({ preventScroll: true });
  return { close: () => shown?.panel === panel && closePanel(), fill: (next) => fill(body, next), body };
}

/** Closes what is open; the focus goes back to where it was. */
export function closePanel(back = true) {
  if (!shown) return false;
  const { panel, returnTo, onClose } = shown;
  shown = null;
  panel.remove();
  document.body.classList.remove("with-panel");
  onClose?.();
  if (back) returnTo()?.focus({ preventScroll: true });
  return true;
}

/** What the panel shows, as the one who opened it called it. */
export function panelTag() {
  return shown?.tag ?? null;
}

/** Rows of a name and a value; those without a value are left out. */
export function facts(rows) {
  const list = el("dl.facts");
  for (const [name, value] of rows) {
    if (value === undefined || value === null || value === "") continue;
    list.append(el("div", {}, el("dt", {}, name), el("dd", {}, value)));
  }
  return list;
}
