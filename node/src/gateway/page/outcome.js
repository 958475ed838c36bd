// What became of a call: the result, or the refusal in the words of the one who answered.

import { Problem, Unreachable, traceOf } from "./api.js";
import { el, testid } from "./dom.js";
import { micros } from "./format.js";
import { jsonView } from "./json.js";
import { address } from "./router.js";
import { codeChip } from "./tone.js";

const RETRY = {
  never: "The same request would be refused again.",
  same: "The same request may be sent again: it keeps its key.",
  elsewhere: "It was surely not done: it may be sent again, or to another node.",
  after: "The same request may be sent again after a while.",
};

/** A result. */
export function resultView({ result, traceparent, us }, { open = true } = {}) {
  return el(
    "div.outcome",
    testid("result"),
    el("div.outcome-head", {}, codeChip("ok"), el("span.num", {}, micros(us)), traceLink(traceparent)),
    el("details", { open }, el("summary", {}, "Result"), jsonView(result)),
  );
}

const UNKNOWN = "Whether it was done is not known. Sent again as it stands, it keeps its key and acts once.";

/** A refusal, or that there was no answer; `write`: whether something was to be done by it. */
export function refusalView(error, { write = false } = {}) {
  if (!(error instanceof Problem)) {
    const unanswered = error instanceof Unreachable;
    return el(
      "div.outcome.tone-failed",
      testid("refusal"),
      el("div.outcome-head", {}, el("span.chip.tone-failed", {}, unanswered ? "no answer" : "this page failed")),
      el("p.detail", {}, error.message),
      unanswered && write ? el("p.hint", {}, UNKNOWN) : null,
    );
  }
  const { body, code, traceparent, field } = error;
  const wait = body.retry_after_ms ? ` (after ${body.retry_after_ms} ms)` : "";
  const rest = Object.entries(body.details ?? {}).filter(([name]) => name !== "field");
  return el(
    "div.outcome",
    testid("refusal"),
    el(
      "div.outcome-head",
      {},
      codeChip(code),
      body.peer ? el("span", {}, `by ${body.peer}`) : null,
      traceLink(traceparent),
    ),
    el("p.detail", testid("refusal-detail"), error.message),
    el(
      "dl.facts.small",
      {},
      field ? row("field", el("code", {}, field)) : null,
      rest.map(([name, value]) => row(name, el("code", {}, typeof value === "string" ? value : JSON.stringify(value)))),
      body.retry ? row("retry", `${Object.hasOwn(RETRY, body.retry) ? RETRY[body.retry] : body.retry}${wait}`) : null,
    ),
  );
}

function row(name, value) {
  return el("div", {}, el("dt", {}, name), el("dd", {}, value));
}

function traceLink(traceparent) {
  const trace = traceOf(traceparent);
  return trace
    ? el("a.trace-link", { href: address("exchange", { trace }), title: traceparent }, "see it in the exchange")
    : null;
}
