// The way in: by a link that the node prints, opened or pasted.

import { open } from "./api.js";
import { el, fill, testid } from "./dom.js";

/** Takes the one-time token out of the address, so that it is neither kept nor shared. */
export function takeToken() {
  const token = tokenOf(location.hash);
  if (token) history.replaceState(null, "", `${location.pathname}#/network`);
  return token;
}

const USED = "That link was used already, or is too old.";

/**
 * The screen that says how to get in. `problem`: what the node said, where it said something;
 * `used`: whether it said so of a link.
 */
export function accessScreen({ problem, used = false, onOpen }) {
  const note = el("p.note", { role: "alert" });
  const box = el("input", {
    id: "link",
    name: "link",
    type: "text",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: "http://127.0.0.1:7480/#open=…",
  });
  const submit = async (event) => {
    event.preventDefault();
    const token = tokenOf(box.value) ?? box.value.trim();
    if (!token) return fill(note, "Paste a link first.");
    try {
      await open(token);
      onOpen();
    } catch (error) {
      fill(note, error.status === 401 ? `${USED} ${error.message}` : error.message);
      note.className = "note tone-refused";
      box.select();
    }
  };
  return el(
    "section.access",
    testid("access"),
    el("h1", {}, problem && problem.status !== 401 ? "The node refuses this browser" : "This browser is not let in yet"),
    used ? el("p.note.tone-refused", testid("link-used"), USED) : null,
    problem ? el("p.note.tone-refused", {}, problem.message) : null,
    el("p", {}, "A node lets a browser in by a fresh link, which is good once. At the node's terminal, run"),
    el("pre.command.mono", {}, "bothways link NODE"),
    el("p", {}, "and open the link that it prints, or paste it here."),
    el(
      "form",
      { novalidate: true, on: { submit } },
      el("label", { for: "link" }, "Link"),
      el("div.with-button", {}, box, el("button.primary", { type: "submit" }, "Open")),
    ),
    note,
  );
}

function tokenOf(text) {
  return /#open=([^&\s]+)/.exec(text)?.[1];
}
