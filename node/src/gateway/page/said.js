// What is said to those who cannot see it change, and for a moment to all.

import { el } from "./dom.js";

/** Says it to screen readers. */
export function say(text) {
  const place = document.getElementById("said");
  place.textContent = "";
  requestAnimationFrame(() => place.append(el("span", {}, text)));
}

/** Copies a text and says so. */
export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    say(`${what} copied`);
    return true;
  } catch {
    return false;
  }
}

/** An id in monospace that is copied by a press. */
export function copyable(text, what, shown = text) {
  const button = el(
    "button.copy.mono",
    {
      type: "button",
      title: `Copy the ${what}`,
      on: {
        click: async () => {
          button.classList.toggle("copied", await copy(text, what));
          setTimeout(() => button.classList.remove("copied"), 1200);
        },
      },
    },
    shown,
  );
  return button;
}
