// Draws one exchange as a sequence of arrows between lanes.

import { el, svg, testid } from "./dom.js";
import { clock, many, micros } from "./format.js";
import { BAR, eventsOf, rowsOf } from "./exchange-layout.js";
import { pressable } from "./keys.js";
import { fitted, widthOf } from "./measure.js";
import { LOST, lostWords, tone } from "./tone.js";

const SIZE = 11.5;
const HEAD = 26;

/**
 * An exchange as an element. `lanes` maps names to places; with `named` the names stand above its
 * own lanes. `onPick(exchange, request)` is called for an arrow, `onTrace(id)` for its heading.
 */
export function drawExchange(exchange, { lanes, width, named, onPick, onTrace }) {
  const plan = rowsOf(exchange.requests);
  const top = named ? HEAD : 0;
  const height = plan.height + top;
  const picture = svg("svg.sequence", {
    width,
    height,
    viewBox: `0 ${-top} ${width} ${height}`,
    role: "group",
    "aria-label": "Requests",
  });
  for (const [name, x] of lanes) {
    picture.append(svg("line.lane", { x1: x, x2: x, y1: named ? -6 : -top, y2: plan.height }));
    if (named) picture.append(laneName(name, x, -10, width / lanes.size));
  }
  for (const bar of plan.bars) {
    const x = lanes.get(bar.lane) - BAR + bar.depth * 3;
    picture.append(
      svg(`rect.bar.tone-${tone(bar.request.code, bar.request.lost)}`, {
        x,
        y: bar.top - 3,
        width: BAR * 2,
        height: bar.bottom - bar.top + 6,
        rx: 2.5,
      }),
    );
  }
  const groups = new Map();
  for (const row of plan.rows) {
    const { request } = row;
    if (!groups.has(request)) groups.set(request, arrowGroup(exchange, request, onPick));
    groups.get(request).append(...arrow(row, lanes, width));
  }
  picture.append(...groups.values());
  const article = el(
    "article.trace",
    { ...testid("exchange"), "data-trace": exchange.trace_id, "aria-label": `Exchange at ${clock(exchange.began)}` },
    heading(exchange, onTrace),
    picture,
  );
  article.style.containIntrinsicSize = `auto ${width}px auto ${height}px`;
  return article;
}

/** A lane's name, as far as it fits. */
export function laneName(name, x, y, room) {
  return svg("text.lane-name", { x, y }, fitted(name, room - 10, 12.5, 600), svg("title", {}, name));
}

function heading(exchange, onTrace) {
  const { requests, trace_id, began } = exchange;
  const ends = Math.max(...requests.map((request) => (request.started_us ?? began) + (request.duration_us ?? 0)));
  return el(
    "header.trace-head",
    {},
    el("span.num.trace-time", {}, clock(began)),
    el(
      "button.trace-id.mono",
      {
        type: "button",
        title: `Only trace ${trace_id}`,
        "aria-label": `Only trace ${trace_id}`,
        on: { click: () => onTrace(trace_id) },
      },
      trace_id.slice(0, 8),
    ),
    requests.length > 1
      ? el("span.num.trace-sum", {}, `${many(requests.length, "request")} · ${micros(ends - began)}`)
      : null,
  );
}

function arrowGroup(exchange, request, onPick) {
  const end = request.lost ? lostWords(request) : request.code;
  const events = eventsOf(request);
  return svg(`g.arrow.tone-${tone(request.code, request.lost)}${request.lost === "record_missing" ? ".half" : ""}`, {
    ...testid("exchange-row"),
    role: "button",
    tabindex: "-1",
    "data-arrow": "",
    "data-span": request.span_id,
    "data-method": request.method,
    "data-code": request.code,
    "aria-label": `${request.from} asks ${request.to} for ${request.method}: ${end}, ${micros(request.duration_us)}${events ? `, ${many(events, "event")}` : ""}`,
    on: pressable(() => onPick(exchange, request)),
  });
}

function arrow(row, lanes, width) {
  const { kind, request, y } = row;
  const [a, b] = [lanes.get(row.from), lanes.get(row.to)];
  const label = words(row);
  if (a === b) return loop(row, a, label, width);
  const side = b > a ? 1 : -1;
  const x1 = a + side * (BAR + 2);
  let x2 = b - side * (BAR + 3);
  const parts = [];
  const left = Math.min(a, b);
  const broken =
    kind === "request"
      ? request.lost === "sent_never_received"
      : kind === "response" && request.lost === "answered_response_lost";
  if (broken) x2 = x1 + (x2 - x1) * 0.62;
  parts.push(svg("rect.hit", { x: left, y: y - 17, width: Math.abs(b - a), height: 25, rx: 5 }));
  parts.push(svg(`line.shaft.${kind}`, { x1, x2: x2 - side * (broken ? 0 : 2), y1: y, y2: y }));
  if (kind === "push") parts.push(svg("line.shaft.push", { x1, x2: x2 - side * 2, y1: y + 3.4, y2: y + 3.4 }));
  if (broken) parts.push(svg("path.cross", { d: cross(x2, y) }));
  else {
    const tip = kind === "push" ? y + 1.7 : y;
    parts.push(svg(`path.head.${kind}`, { d: head(x2, tip, side, kind === "response") }));
    if (kind === "push") parts.push(svg("path.head.push", { d: head(x2 - side * 7, tip, side, false) }));
  }
  if (missing(row))
    parts.push(svg("circle.unknown", { cx: x2, cy: y, r: 5 }), svg("text.unknown-mark", { x: x2, y: y + 3.2 }, "?"));
  parts.push(text(label, broken ? (x1 + x2) / 2 : (a + b) / 2, y - 5, width, kind));
  return parts;
}

function words({ kind, request }) {
  const time = micros(request.duration_us);
  if (kind === "request") {
    const again = request.attempt > 1 ? ` (attempt ${request.attempt})` : "";
    return request.lost === "sent_never_received"
      ? `${request.method}${again} ✕ ${LOST.sent_never_received}`
      : `${request.method}${again}`;
  }
  if (kind === "push") return many(eventsOf(request), "event");
  if (request.lost === "answered_response_lost") return `✕ ${LOST.answered_response_lost}`;
  if (request.lost === "record_missing")
    return `${request.code} · ${time} · ${request.out ? request.to : request.from}: no record`;
  return `${request.code} · ${time}`;
}

/** Which end of an arrow nobody told of. */
function missing({ kind, request }) {
  if (request.lost !== "record_missing") return false;
  return kind === "request" ? !request.in : kind === "response" && !request.out;
}

function loop(row, x, label, width) {
  const { kind, y } = row;
  const out = x + (x > width - 120 ? -34 : 34);
  const side = out > x ? 1 : -1;
  const near = x + side * (BAR + 3);
  const d = kind === "request" ? `M${near} ${y}H${out}V${y + 11}` : `M${out} ${y - 14}V${y}H${near}`;
  const parts = [
    svg("rect.hit", { x: Math.min(x, out), y: y - 17, width: 34, height: 25, rx: 5 }),
    svg(`path.shaft.${kind}`, { d }),
  ];
  if (kind !== "request") parts.push(svg(`path.head.${kind}`, { d: head(near, y, -side, true) }));
  const w = widthOf(label, SIZE, 540);
  const at = out + side * 6;
  parts.push(
    svg(
      "text.label",
      { x: Math.max(2, Math.min(at, width - w)), y: y + 2, "text-anchor": side > 0 ? "start" : "end" },
      label,
    ),
  );
  return parts;
}

function text(label, x, y, width, kind) {
  const shown = fitted(label, width - 8, SIZE, 540);
  const half = widthOf(shown.data, SIZE, 540) / 2;
  return svg(
    `text.label.${kind}`,
    { x: Math.max(half + 3, Math.min(width - half - 3, x)), y, "text-anchor": "middle" },
    shown,
  );
}

function head(x, y, side, open) {
  const back = x - side * 7;
  return open ? `M${back} ${y - 4}L${x} ${y}L${back} ${y + 4}` : `M${back} ${y - 4}L${x} ${y}L${back} ${y + 4}Z`;
}

function cross(x, y) {
  return `M${x - 4.5} ${y - 4.5}l9 9M${x + 4.5} ${y - 4.5}l-9 9`;
}
