// The filters of the exchange: kept in the address, so that what is seen can be shared.

import { el, fill, testid } from "./dom.js";
import { refine } from "./router.js";
import { CODES } from "./tone.js";

const WAIT_MS = 300;
const NAMES = ["peer", "method", "code", "slower", "trace"];

/** The filter that a query holds. */
export function filterOf(query) {
  return Object.fromEntries(NAMES.map((name) => [name, query[name] ?? ""]));
}

/** The row of filters: `{node, show(filter), suggest({peers, methods})}`. */
export function filterBar() {
  let timer = null;
  const later = (name) => (event) => {
    clearTimeout(timer);
    timer = setTimeout(() => refine({ [name]: event.target.value.trim() }), WAIT_MS);
  };
  const peers = el("datalist", { id: "exchange-peers" });
  const methods = el("datalist", { id: "exchange-methods" });
  const inputs = {
    peer: el("input", {
      type: "search",
      placeholder: "any peer",
      "aria-label": "Peer",
      list: "exchange-peers",
      "data-filter": "",
      spellcheck: "false",
      on: { input: later("peer") },
    }),
    method: el("input", {
      type: "search",
      placeholder: "any method",
      "aria-label": "Method",
      list: "exchange-methods",
      spellcheck: "false",
      on: { input: later("method") },
    }),
    code: el(
      "select",
      { "aria-label": "Code", on: { change: (event) => refine({ code: event.target.value }) } },
      el("option", { value: "" }, "any code"),
      el("option", { value: "problems" }, "all but ok"),
      el("option", { value: "lost" }, "lost or missing"),
      el(
        "optgroup",
        { label: "Codes" },
        CODES.map((code) => el("option", { value: code }, code)),
      ),
    ),
    slower: el("input.num", {
      type: "text",
      inputmode: "numeric",
      placeholder: "slower than ms",
      "aria-label": "Slower than, in milliseconds",
      on: { input: later("slower") },
    }),
  };
  const only = el("span.only");
  const clear = el("button.quiet", { type: "button", on: { click: () => refine(filterOf({})) } }, "Clear");
  const node = el(
    "div.filters",
    { role: "search", ...testid("filters") },
    inputs.peer,
    inputs.method,
    inputs.code,
    inputs.slower,
    only,
    clear,
    peers,
    methods,
  );
  return {
    node,
    show(filter) {
      for (const [name, input] of Object.entries(inputs)) {
        if (document.activeElement !== input && input.value !== filter[name]) input.value = filter[name];
      }
      fill(
        only,
        filter.trace
          ? el(
              "span.chip.chip-accent",
              {},
              "only trace ",
              el("span.mono", {}, filter.trace.slice(0, 8)),
              el(
                "button",
                { type: "button", "aria-label": "Show all traces", on: { click: () => refine({ trace: "" }) } },
                "×",
              ),
            )
          : null,
      );
      clear.hidden = !NAMES.some((name) => filter[name]);
    },
    suggest(words) {
      options(peers, words.peers);
      options(methods, words.methods);
    },
  };
}

function options(list, words) {
  const wanted = words.slice(0, 200);
  if (list.children.length === wanted.length) return;
  fill(
    list,
    wanted.map((word) => el("option", { value: word })),
  );
}
