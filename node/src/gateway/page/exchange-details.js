// One request in full: as both of its ends recorded it, side by side.

import { el } from "./dom.js";
import { bytes, clock, micros } from "./format.js";
import { facts, openPanel } from "./panel.js";
import { address } from "./router.js";
import { copyable } from "./said.js";
import { codeChip, lostWords } from "./tone.js";
import { eventsOf } from "./exchange-layout.js";

/** What a record says, in this order: field, name, how it is shown. */
const FIELDS = [
  ["code", "code", (code) => codeChip(code)],
  ["started_us", "began, own clock", clock],
  ["duration_us", "took", micros],
  ["deadline_ms", "deadline left", (ms) => micros(ms * 1000)],
  ["sent_bytes", "sent", bytes],
  ["received_bytes", "received", bytes],
  ["attempt", "attempt", String],
  ["events", "events", (events) => (typeof events === "object" ? JSON.stringify(events) : String(events))],
];

/** Opens the details; `nodes` are the merge's, with the offset of each clock. */
export function openRequest(exchange, request, nodes) {
  openPanel({
    title: request.method,
    label: `${request.method}, ${request.from} to ${request.to}`,
    content: content(exchange, request, nodes),
    tag: `request ${request.span_id}`,
  });
}

function content(exchange, request, nodes) {
  const { lost, key } = request;
  return [
    el("p.who-whom", {}, el("b", {}, request.from), " → ", el("b", {}, request.to), codeChip(request.code, lost)),
    lost ? el("p.note.tone-lost", {}, `${lostWords(request)}.`) : null,
    facts([
      ["began", clock(request.started_us)],
      ["took", micros(request.duration_us)],
      ["deadline", request.deadline_ms === undefined ? null : micros(request.deadline_ms * 1000)],
      ["attempt", request.attempt],
      ["events", eventsOf(request) || null],
      [
        "bytes",
        request.sent_bytes === undefined
          ? null
          : `${bytes(request.sent_bytes)} out, ${bytes(request.received_bytes)} back`,
      ],
      ["trace", copyable(exchange.trace_id, "trace id")],
      ["span", copyable(request.span_id, "span id")],
      ["parent", request.parent_id ? copyable(request.parent_id, "parent's span id") : null],
      ["key", key ? copyable(key, "idempotency key") : null],
    ]),
    el(
      "p.links",
      {},
      el("a", { href: address("exchange", { trace: exchange.trace_id }) }, "Show only this trace"),
      el("a", { href: address("methods", { peer: request.to, method: request.method }) }, "The method"),
    ),
    el("h3", {}, "As each end recorded it"),
    ends(request),
    el("h3", {}, "Clocks"),
    clocks(request, nodes),
  ];
}

function ends(request) {
  const { from, to } = request;
  const [asked, answered] = [request.out, request.in];
  const rows = FIELDS.filter(([field]) => shows(asked, field) || shows(answered, field));
  const cell = (record, field, show) => el("td.num", {}, shows(record, field) ? show(record[field]) : "–");
  return el(
    "div.table-place",
    {},
    el(
      "table.table.ends",
      {},
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          el("td"),
          el("th", { scope: "col" }, `${from} asked`),
          el("th", { scope: "col" }, `${to} answered`),
        ),
      ),
      el(
        "tbody",
        {},
        asked && answered
          ? null
          : el(
              "tr",
              {},
              el("th", { scope: "row" }, "record"),
              el("td", {}, asked ? "there" : "missing"),
              el("td", {}, answered ? "there" : "missing"),
            ),
        rows.map(([field, name, show]) =>
          el("tr", {}, el("th", { scope: "row" }, name), cell(asked, field, show), cell(answered, field, show)),
        ),
      ),
    ),
  );
}

function shows(record, field) {
  return record?.[field] !== undefined && record[field] !== null;
}

function clocks({ from, to }, nodes) {
  const rows = [...new Set([from, to])].map((name) => [name, offsetWords(nodes.find((node) => node.name === name))]);
  return [
    facts(rows),
    el(
      "p.hint",
      {},
      "All times here are on one clock, put together from both ends of the requests; the order is that of cause, not of clocks.",
    ),
  ];
}

/** How far a node's clock is off, and how sure that is. */
export function offsetWords(node) {
  if (!node || node.offset_us === undefined || node.offset_us === null) return "offset not known";
  if (node.offset_us === 0 && !node.sure_us) return "the clock that all times are on";
  const sign = node.offset_us < 0 ? "−" : "+";
  const sure = node.sure_us === undefined || node.sure_us === null ? "" : `, give or take ${micros(node.sure_us)}`;
  return `${sign}${micros(Math.abs(node.offset_us))}${sure}`;
}
