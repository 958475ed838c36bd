// Where the arrows of one exchange lie. Pure: from requests in the order of cause to rows.

export const ROW = 27;
export const BAR = 4;

/**
 * The nodes that take part in exchanges: those that had a lane keep their order, others come after
 * them; our own node stands in the middle, where its arrows are short.
 */
export function lanesOf(exchanges, { before = [], us } = {}) {
  const there = new Set(exchanges.flatMap(({ requests }) => requests.flatMap(({ from, to }) => [from, to])));
  const lanes = [...new Set([...before.filter((name) => there.has(name)), ...there])];
  if (!there.has(us) || lanes.length < 3) return lanes;
  const others = lanes.filter((name) => name !== us);
  others.splice(Math.floor(others.length / 2), 0, us);
  return others;
}

/** The middle of each lane across a width. */
export function spread(lanes, left, right) {
  const step = (right - left) / lanes.length;
  return new Map(lanes.map((name, at) => [name, left + step * (at + 0.5)]));
}

/**
 * `{rows, bars, height}`. A row is `{kind: "request" | "response" | "push", request, y, from, to}`:
 * nested requests lie between the two arrows of their parent. A bar is a node at work on a request.
 */
export function rowsOf(requests) {
  const children = new Map();
  const spans = new Set(requests.map((request) => request.span_id));
  const roots = [];
  for (const request of requests) {
    if (!spans.has(request.parent_id) || request.parent_id === request.span_id) roots.push(request);
    else if (children.has(request.parent_id)) children.get(request.parent_id).push(request);
    else children.set(request.parent_id, [request]);
  }
  const rows = [];
  const bars = [];
  const busy = new Map();
  let y = 20;
  const row = (kind, request, from, to) => {
    rows.push({ kind, request, y, from, to });
    y += ROW;
  };
  const seen = new Set();
  const visit = (request) => {
    if (seen.has(request)) return;
    seen.add(request);
    const top = y;
    row("request", request, request.from, request.to);
    const depth = busy.get(request.to) ?? 0;
    busy.set(request.to, depth + 1);
    for (const child of children.get(request.span_id) ?? []) visit(child);
    busy.set(request.to, depth);
    if (eventsOf(request)) row("push", request, request.to, request.from);
    if (request.lost !== "sent_never_received") {
      row("response", request, request.to, request.from);
      bars.push({ request, lane: request.to, top, bottom: y - ROW, depth });
    }
  };
  roots.forEach(visit);
  // A circle of parents, which no honest node writes, is drawn as it came.
  requests.forEach(visit);
  bars.sort((a, b) => a.depth - b.depth);
  return { rows, bars, height: y - ROW + 16 };
}

/** How many events were told on a request that began a subscription. */
export function eventsOf(request) {
  const told = request.in?.events ?? request.out?.events ?? request.events ?? 0;
  return typeof told === "number" ? told : (told?.count ?? 0);
}
