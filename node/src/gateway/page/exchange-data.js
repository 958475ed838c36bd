// The exchange as the node merged it: the past once, then what is new, at most once a second.

import { get } from "./api.js";
import { followShared, parsed } from "./sse.js";

const KEPT_MAX = 1000;
const EACH_MS = 1000;
const LEAST = 50;

/** Kept filters that the node applies itself; the others are applied here. */
const ASKED = ["peer", "method", "slower_than_ms"];

/**
 * Follows the exchange under a filter `{peer, method, code, slower, trace}`. `onChange(state)` with
 * `{exchanges, nodes, missing, missed, error, loaded}`, the newest last. Returns `{close, reload}`.
 */
export function followExchange(filter, onChange) {
  const kept = new Map();
  const state = { exchanges: [], nodes: [], missing: [], missed: 0, error: null, loaded: false };
  const abort = new AbortController();
  let fresh = 0;
  let all = true;
  let timer = null;
  let askedAt = 0;
  let asking = false;

  const ask = async () => {
    timer = null;
    asking = true;
    askedAt = Date.now();
    const last = all ? KEPT_MAX : Math.min(KEPT_MAX, LEAST + 2 * fresh);
    fresh = 0;
    all = false;
    try {
      const answer = await get(path(filter, last), { signal: abort.signal });
      take(kept, answer.exchanges ?? []);
      const exchanges = ordered(kept).filter((exchange) => wanted(exchange, filter));
      Object.assign(state, {
        exchanges,
        nodes: answer.nodes ?? [],
        missing: answer.missing ?? [],
        error: null,
        loaded: true,
      });
    } catch (error) {
      if (abort.signal.aborted) return;
      all = true;
      state.error = error;
    } finally {
      asking = false;
    }
    if (!abort.signal.aborted) onChange(state);
    if (fresh) soon();
  };
  const soon = () => {
    if (!timer && !asking) timer = setTimeout(ask, Math.max(0, askedAt + EACH_MS - Date.now()));
  };
  const live = followShared("/v1/exchange/live", {
    onEvent: ({ event, data }) => {
      if (event === "missed") {
        state.missed += parsed(data)?.count ?? 0;
        all = true;
      }
      fresh++;
      soon();
    },
    onState: ({ phase }) => {
      // What ended while nobody listened was told to nobody.
      if (phase === "open" && state.loaded) again();
    },
  });
  const again = () => {
    all = true;
    fresh++;
    soon();
  };
  ask();
  return {
    close: () => {
      abort.abort();
      clearTimeout(timer);
      live.close();
    },
    reload: again,
  };
}

function path(filter, last) {
  const local = filter.trace || ["lost", "problems"].includes(filter.code);
  const query = new URLSearchParams({ last: local ? KEPT_MAX : last });
  const given = { ...filter, slower_than_ms: filter.slower };
  for (const name of ASKED) if (given[name]) query.set(name, given[name]);
  if (filter.code && !local) query.set("code", filter.code);
  return `/v1/exchange?${query}`;
}

function take(kept, exchanges) {
  for (const exchange of exchanges) {
    if (!exchange.requests?.length) continue;
    const text = JSON.stringify(exchange);
    if (kept.get(exchange.trace_id)?.text === text) continue;
    const began = Math.min(...exchange.requests.map((request) => request.started_us ?? Infinity));
    kept.set(exchange.trace_id, { ...exchange, text, began });
  }
}

/** The newest, the oldest of them first; what is older than that is let go. */
function ordered(kept) {
  const list = [...kept.values()].sort((a, b) => a.began - b.began);
  for (const old of list.splice(0, Math.max(0, list.length - KEPT_MAX))) kept.delete(old.trace_id);
  return list;
}

function wanted(exchange, { trace, code }) {
  if (trace && exchange.trace_id !== trace) return false;
  if (code === "lost") return exchange.requests.some((request) => request.lost);
  if (code === "problems") return exchange.requests.some((request) => request.lost || request.code !== "ok");
  return true;
}
