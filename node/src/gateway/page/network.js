// The view of the network: this node, its peers, and what passes between them now.

import { el, fill, keepFocus, svg, testid } from "./dom.js";
import { clock, count, micros } from "./format.js";
import { roleIcon } from "./icons.js";
import { roving } from "./keys.js";
import { openDetails } from "./network-details.js";
import { drawNetwork, passing } from "./network-draw.js";
import { networkTable } from "./network-list.js";
import { peersOf } from "./network-peers.js";
import { node } from "./node.js";
import { refine, address } from "./router.js";
import { followShared, parsed } from "./sse.js";
import { codeChip } from "./tone.js";

const TICKER_MAX = 9;
const INSET = 12;

/** Shows it in `root`. */
export function networkView(root, query) {
  let as = query.as ?? "";
  let drawn = null;
  let before = "";
  const stats = el("div.stats", { role: "group", "aria-label": "In numbers" });
  const picture = svg("svg.network", { role: "group", "aria-label": "Nodes and sessions" });
  const stage = el("div.stage");
  const ticker = el("ol.ticker");
  const toggle = el("div.segments", { role: "group", "aria-label": "Show as" });
  const filter = el("input.search", {
    type: "search",
    placeholder: "Find a peer",
    "aria-label": "Find a peer",
    "data-filter": "",
    on: { input: () => draw(true) },
  });
  const refresh = roving(picture, "[data-pick]");
  const pass = passing(picture);

  fill(
    root,
    el("div.view-head", {}, el("h1", {}, "Network"), filter, toggle),
    stats,
    el(
      "div.network-grid",
      {},
      stage,
      el("section.card-box.passing", { "aria-label": "Passing now" }, el("h2", {}, "Passing now"), ticker),
    ),
  );

  const draw = (force = false) => {
    const { status } = node.get();
    if (!status) return;
    const all = peersOf(status);
    const wanted = filter.value.trim().toLowerCase();
    const peers = wanted ? all.filter((peer) => peer.name.toLowerCase().includes(wanted)) : all;
    filter.hidden = all.length < 8;
    numbers(stats, status, all);
    const width = Math.floor(stage.clientWidth) - 2 * INSET;
    const room = Math.floor(innerHeight - stage.getBoundingClientRect().top - scrollY - 92);
    const now = JSON.stringify([
      as,
      width,
      room,
      status.name,
      peers.map((p) => [p.name, p.role, p.away, p.draining, p.dialed, micros(p.rtt), p.sessions.length, p.dial?.state]),
    ]);
    if (!force && now === before && as !== "list") return;
    before = now;
    segments(toggle, as);
    if (!all.length) return fill(stage, alone(status));
    if (as === "list") return keepFocus(stage, () => fill(stage, networkTable(peers, openDetails)));
    if (!picture.isConnected) fill(stage, el("div.canvas", {}, picture, legend()));
    keepFocus(picture, () => {
      drawn = drawNetwork(picture, status, peers, { width, room }, openDetails);
    });
    refresh();
  };

  const records = [];
  const live = followShared("/v1/exchange/live", {
    onEvent: ({ event, data }) => {
      const record = event === "record" ? parsed(data) : null;
      if (!record) return;
      pass(drawn, record);
      records.unshift(record);
      records.length = Math.min(records.length, TICKER_MAX);
      tickerSoon();
    },
  });
  let due = null;
  const tickerSoon = () => {
    due ??= setTimeout(() => {
      due = null;
      fill(ticker, records.map(tick));
    }, 200);
  };
  fill(ticker, el("li.empty-small", {}, "No request has passed since this page looked."));
  const stop = node.follow(() => draw());
  const resized = new ResizeObserver(() => draw());
  resized.observe(stage);
  return {
    update: (next) => {
      as = next.as ?? "";
      draw(true);
    },
    leave: () => {
      stop();
      live.close();
      resized.disconnect();
      clearTimeout(due);
    },
  };
}

function numbers(place, status, peers) {
  const { requests = {}, store, subscriptions } = status;
  const here = peers.filter((peer) => !peer.away).length;
  fill(
    place,
    stat("Peers", count(here), here < peers.length ? `${peers.length - here} away` : here ? "all here" : ""),
    requests.out && stat("Requests out", count(requests.out.total), failures(requests.out)),
    requests.in && stat("Requests in", count(requests.in.total), failures(requests.in)),
    typeof subscriptions === "number" && stat("Subscriptions", count(subscriptions), ""),
    store && stat("Store revision", count(store.revision), store.read_only ? "read only" : ""),
  );
}

function stat(name, value, about) {
  return el(
    "div.stat",
    {},
    el("span.stat-name", {}, name),
    el("span.stat-value.num", {}, value),
    el("span.stat-about", {}, about),
  );
}

function failures({ failed = 0, in_flight = 0 }) {
  return [`${count(failed)} failed`, in_flight ? el("span.wide-only", {}, `, ${count(in_flight)} in flight`) : null];
}

function segments(place, as) {
  const option = (value, name) =>
    el(
      "button",
      { type: "button", "aria-pressed": String(as === value), on: { click: () => refine({ as: value }) } },
      name,
    );
  const at = [...place.children].indexOf(document.activeElement);
  fill(place, option("", "Picture"), option("list", "List"));
  if (at >= 0) place.children[at].focus();
}

function legend() {
  const shape = (role, words) => el("span", {}, roleIcon(role), words);
  return el(
    "p.legend",
    {},
    shape("peer", "peer: asks and answers"),
    shape("server", "server: answers"),
    shape("client", "client: asks"),
    el("span", {}, "→ from who dialed"),
  );
}

function tick(record) {
  const out = record.dir !== "in";
  return el(
    "li",
    {},
    el(
      "a",
      { href: address("exchange", { trace: record.trace_id }) },
      el("span.tick-time.num", {}, clock(record.started_us).slice(0, 8)),
      el(
        "span.tick-what",
        {},
        el("b", {}, record.method),
        el("span", {}, out ? ` → ${record.peer}` : ` ← ${record.peer}`),
      ),
      el("span.tick-end", {}, codeChip(record.code), el("span.num", {}, micros(record.duration_us))),
    ),
  );
}

function alone(status) {
  return el(
    "div.empty-state",
    testid("empty-network"),
    el("h2", {}, `${status.name} has no session yet`),
    el("p", {}, "A peer of the same network appears here as soon as it is connected. Start one that dials this node:"),
    el(
      "pre.command.mono",
      {},
      `bothways run --name desk --peer ${status.name}=${status.listening?.[0] ?? "ADDRESS:PORT"}`,
    ),
    el("p", {}, "or a whole network on this machine:"),
    el("pre.command.mono", {}, "bothways dev up"),
  );
}
