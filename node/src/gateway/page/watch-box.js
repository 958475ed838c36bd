// Watching a service: events as they are told, the newest first.

import { el, fill, testid } from "./dom.js";
import { jsonView } from "./json.js";
import { refusalView } from "./outcome.js";
import { follow, parsed } from "./sse.js";

const KEPT = 100;

/** A box that watches topics of a method's service: `{node, close}`. */
export function watchBox({ peer, method }) {
  const service = method.name.split(".")[0];
  const topic = el(
    "select",
    { "aria-label": "Topic" },
    [`${service}.*`, ...method.topics].map((name) => el("option", { value: name }, name)),
  );
  const from = el(
    "select",
    { "aria-label": "From" },
    el("option", { value: "now" }, "from now on"),
    el("option", { value: "all" }, "all that is kept"),
  );
  const state = el("span.summary", { role: "status" });
  const out = el("div.outcome-place");
  const list = el("ol.events", { ...testid("events"), "aria-live": "polite" });
  const button = el("button.primary", { type: "submit" }, "Watch");
  let watch = null;
  const stop = () => {
    watch?.close();
    watch = null;
    fill(button, "Watch");
    fill(state);
  };
  const begin = () => {
    fill(list);
    fill(out);
    fill(button, "Stop");
    const query = new URLSearchParams({ topic: topic.value, from: from.value });
    watch = follow(`/v1/watch/${encodeURIComponent(peer)}?${query}`, {
      onEvent: ({ event, data }) => {
        const told = parsed(data) ?? {};
        list.prepend(
          el(
            "li",
            {},
            el(
              "details",
              {},
              el("summary", {}, el("b.mono", {}, event), el("span.mono.dim", {}, told.body?.id ?? "")),
              jsonView(told.body),
            ),
          ),
        );
        while (list.children.length > KEPT) list.lastChild.remove();
      },
      onState: ({ phase, problem }) => {
        fill(state, phase === "open" ? "watching" : phase === "waiting" ? "waits for the peer" : "");
        if (problem) fill(out, refusalView(problem));
        if (phase === "ended") stop();
      },
    });
  };
  const submit = (event) => {
    event.preventDefault();
    if (watch) stop();
    else begin();
  };
  const node = el(
    "form.form",
    { novalidate: true, ...testid(`form-${method.name}`), on: { submit } },
    el("div.with-button", {}, topic, from, button),
    state,
    out,
    list,
  );
  return { node, close: stop };
}
