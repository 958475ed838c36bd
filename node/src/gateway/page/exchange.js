// The view of the exchange: who asked whom for what, as it happens and as it was.

import { arrange, el, fill, keepFocus, svg, testid } from "./dom.js";
import { followExchange } from "./exchange-data.js";
import { openRequest, offsetWords } from "./exchange-details.js";
import { drawExchange, laneName } from "./exchange-draw.js";
import { filterBar, filterOf } from "./exchange-filters.js";
import { lanesOf, spread } from "./exchange-layout.js";
import { count, many } from "./format.js";
import { roving, singleKeys } from "./keys.js";
import { ourName } from "./node.js";
import { refine, address } from "./router.js";

const DRAWN = 200;
const LANE_LEAST = 122;
const GUTTER_LEAST = 700;
const GUTTER = 148;

/** Shows it in `root`. */
export function exchangeView(root, query) {
  let filter = filterOf(query);
  let state = { exchanges: [], nodes: [], missing: [], missed: 0, loaded: false };
  let drawnMax = DRAWN;
  let following = true;
  let shown = new Map();
  let lanesKnown = [];
  let waiting = 0;
  let form = "";

  const bar = filterBar();
  const summary = el("span.summary", testid("exchange-summary"));
  const pause = el("button", { type: "button", ...testid("follow"), on: { click: () => setFollowing(!following) } });
  const notes = el("div.notes");
  const header = svg("svg.lane-header", { "aria-hidden": "true" });
  const older = el("div.older");
  const list = el("div.traces");
  const scroll = el(
    "div.exchange-scroll",
    { tabindex: "0", role: "region", "aria-label": "Exchange, newest at the bottom", on: { scroll: () => scrolled() } },
    header,
    older,
    list,
  );
  const fresh = el("button.fresh", { type: "button", hidden: true, on: { click: () => setFollowing(true) } });
  const refresh = roving(list, "[data-arrow]");
  fill(
    root,
    el("div.view-head", {}, el("h1", {}, "Exchange"), summary, pause),
    bar.node,
    notes,
    el("div.exchange-frame", {}, scroll, fresh),
  );

  const setFollowing = (next) => {
    following = next;
    fill(pause, following ? "Pause" : "Follow");
    pause.setAttribute("aria-pressed", String(!following));
    pause.className = following ? "" : "primary";
    if (following) draw();
  };
  let scrolledAt = 0;
  const atBottom = () => scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 24;
  const scrolled = () => {
    // Who scrolls up wants to read: new exchanges wait until asked for.
    if (performance.now() - scrolledAt < 120) return;
    if (following && !atBottom()) setFollowing(false);
    else if (!following && atBottom() && !waiting) setFollowing(true);
  };
  const toBottom = () => {
    scrolledAt = performance.now();
    scroll.scrollTop = scroll.scrollHeight;
  };

  const draw = () => keepFocus(list, redraw);
  const redraw = () => {
    waiting = 0;
    fresh.hidden = true;
    const all = state.exchanges;
    const part = all.slice(-drawnMax);
    const width = Math.max(280, scroll.clientWidth);
    lanesKnown = lanesOf(part, { before: lanesKnown, us: ourName() });
    // Lanes for all where they fit, if need be without the gutter; else each exchange has its own.
    const fits = (room) => lanesKnown.length > 0 && lanesKnown.length * LANE_LEAST <= room - 4;
    const shared = fits(width);
    const gutter = width >= GUTTER_LEAST && (!shared || fits(width - GUTTER)) ? GUTTER : 0;
    const inner = width - gutter - 4;
    list.classList.toggle("with-gutter", gutter > 0);
    const sharedLanes = shared ? spread(lanesKnown, 0, inner) : null;
    const now = JSON.stringify([inner, shared && lanesKnown]);
    if (now !== form) shown = new Map();
    form = now;
    lanesHeader(shared, sharedLanes, gutter, inner);
    const next = new Map();
    for (const exchange of part) {
      const before = shown.get(exchange.trace_id);
      next.set(
        exchange.trace_id,
        before?.text === exchange.text ? before : { text: exchange.text, node: article(exchange, sharedLanes, inner) },
      );
    }
    arrange(list, part.length ? [...next.values()].map(({ node }) => node) : [empty()]);
    shown = next;
    leftOut(all.length - part.length);
    refresh();
    if (following) toBottom();
  };
  const article = (exchange, sharedLanes, width) => {
    const lanes = sharedLanes ?? spread(lanesOf([exchange]), 0, width);
    return drawExchange(exchange, {
      lanes,
      width,
      named: !sharedLanes,
      onPick: (trace, request) => openRequest(trace, request, state.nodes),
      onTrace: (trace) => refine({ trace }),
    });
  };
  const lanesHeader = (shared, lanes, gutter, width) => {
    header.toggleAttribute("hidden", !shared);
    if (!shared) return;
    header.setAttribute("width", width + gutter);
    header.setAttribute("height", 44);
    header.setAttribute("viewBox", `${-gutter} 0 ${width + gutter} 44`);
    const offsets = new Map(state.nodes.map((node) => [node.name, node]));
    header.replaceChildren(
      ...[...lanes].flatMap(([name, x]) => {
        const offset = offsets.get(name);
        const words = !offset?.offset_us ? null : offsetWords({ offset_us: offset.offset_us });
        return [
          laneName(name, x, 19, width / lanes.size),
          words ? svg("text.lane-offset", { x, y: 34 }, `clock ${words}`, svg("title", {}, offsetWords(offset))) : null,
        ].filter(Boolean);
      }),
    );
  };
  const leftOut = (n) => {
    fill(
      older,
      n > 0
        ? el(
            "p.left-out",
            testid("left-out"),
            `${count(n)} older ${n === 1 ? "exchange is" : "exchanges are"} not drawn.`,
            el(
              "button.quiet",
              {
                type: "button",
                on: {
                  click: () => {
                    drawnMax += DRAWN;
                    setFollowing(false);
                    draw();
                  },
                },
              },
              `Draw ${Math.min(n, DRAWN)} more`,
            ),
          )
        : null,
    );
  };
  const empty = () => {
    if (state.error && !state.loaded) return el("p.empty", {}, state.error.message);
    if (!state.loaded) return el("p.empty", {}, "Reading the records…");
    if (Object.values(filter).some(Boolean))
      return el(
        "div.empty-state",
        {},
        el("h2", {}, "Nothing fits these filters"),
        el("p", {}, "New exchanges that do appear here by themselves."),
      );
    return el(
      "div.empty-state",
      testid("empty-exchange"),
      el("h2", {}, "Nothing was exchanged yet"),
      el(
        "p",
        {},
        "Each request between this node and its peers is drawn here as it ends. Make one: ",
        el("a", { href: address("methods") }, "call a method"),
        ".",
      ),
    );
  };
  const changed = (next) => {
    const before = state.exchanges.at(-1)?.began ?? 0;
    state = { ...next };
    say();
    bar.suggest(words(state.exchanges));
    if (following || !shown.size) return draw();
    waiting += state.exchanges.filter((exchange) => exchange.began > before).length;
    fresh.hidden = waiting === 0;
    fill(fresh, `${count(waiting)} new ↓`);
  };
  const say = () => {
    const requests = state.exchanges.reduce((sum, exchange) => sum + exchange.requests.length, 0);
    fill(summary, state.loaded ? `${many(state.exchanges.length, "exchange")}, ${many(requests, "request")}` : "");
    const told = JSON.stringify([state.error?.message, state.missing, state.missed, state.loaded]);
    if (told === notes.dataset.told) return;
    notes.dataset.told = told;
    fill(
      notes,
      state.error && state.loaded
        ? el("p.note.tone-refused", {}, `These are not the newest: ${state.error.message}.`)
        : null,
      state.missing.length ? missingNote(state.missing) : null,
      state.missed
        ? el(
            "p.note.tone-refused",
            {},
            `The live stream could not keep up with ${many(state.missed, "record")}: they were read afterwards.`,
          )
        : null,
    );
  };

  const keys = (event) => {
    if (event.key !== " " || !singleKeys() || event.target.closest("input, textarea, select, button, a, [role=button]")) return;
    event.preventDefault();
    setFollowing(!following);
  };
  addEventListener("keydown", keys);
  const resized = new ResizeObserver(() => {
    if (shown.size) draw();
  });
  resized.observe(scroll);
  bar.show(filter);
  let data = followExchange(filter, changed);
  setFollowing(true);
  return {
    update: (next) => {
      const wanted = filterOf(next);
      if (JSON.stringify(wanted) === JSON.stringify(filter)) return;
      filter = wanted;
      data.close();
      bar.show(filter);
      shown = new Map();
      state = { ...state, exchanges: [], loaded: false };
      drawnMax = DRAWN;
      setFollowing(true);
      data = followExchange(filter, changed);
    },
    reload: () => data.reload(),
    leave: () => {
      data.close();
      removeEventListener("keydown", keys);
      resized.disconnect();
    },
  };
}

function words(exchanges) {
  const peers = new Set();
  const methods = new Set();
  for (const { requests } of exchanges)
    for (const { from, to, method } of requests) peers.add(from).add(to) && methods.add(method);
  return { peers: [...peers].sort(), methods: [...methods].sort() };
}

function missingNote(names) {
  return el(
    "details.note",
    testid("missing"),
    el("summary", {}, `No records from ${listed(names)}`),
    el(
      "p",
      {},
      "Of their requests only what the other end saw is drawn. A node gives its records to those whom its setting ",
      el("code", {}, "exchange.readers"),
      " names.",
    ),
  );
}

function listed(names) {
  return names.length > 3 ? `${names.slice(0, 3).join(", ")} and ${names.length - 3} more` : names.join(", ");
}
