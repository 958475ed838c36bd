// The records of one service at one peer: listed, then kept true by what the service tells.

import { call, newKey } from "./api.js";
import { follow, parsed } from "./sse.js";

const PAGES = 10;
const ANEW_MS = 5_000;

/**
 * Lists and watches. `params` are those of the list besides the page; `accepts(item)` says whether
 * an item that is told of belongs here, `reaches(event, item)` whether its sender is to know that it was
 * shown. `onChange({items, more, state, problem})`, the newest first.
 */
export function followRecords({ peer, service, list, params, accepts, reaches = () => false, onChange }) {
  const items = new Map();
  const abort = new AbortController();
  let watch = null;
  // Grows with each beginning: what comes late for a former one counts no more.
  let run = 0;
  let begunAt = 0;
  let next;
  let now = { state: "reading", problem: null };

  const tell = (changes = {}) => {
    if (abort.signal.aborted) return;
    now = { ...now, ...changes };
    const newest = [...items.values()].sort((a, b) => (a.id < b.id ? 1 : -1));
    onChange({ items: newest, more: Boolean(next), ...now });
  };
  const limit = list.params?.properties?.limit?.maximum;
  const read = async (after) => {
    const mine = run;
    const page = { ...params, ...(after && { after }), ...(limit && { limit }) };
    const { result } = await call(peer, list.name, page, { signal: abort.signal });
    if (mine !== run) return {};
    for (const item of Object.values(result ?? {}).find(Array.isArray) ?? []) put(item, false);
    next = result?.next;
    return result ?? {};
  };
  const put = (item, told = true) => {
    if (!isRecord(item)) return;
    const before = items.get(item.id);
    if (before && revisionOf(before) > revisionOf(item)) return;
    items.set(item.id, told ? { ...item, [TOLD]: true } : item);
  };
  const begin = async () => {
    const mine = ++run;
    begunAt = Date.now();
    watch?.close();
    watch = null;
    items.clear();
    next = undefined;
    try {
      const first = await read();
      for (let page = 1; next && page < PAGES && mine === run; page++) await read(next);
      if (mine !== run || abort.signal.aborted) return;
      tell({ state: "read", problem: null });
      listen(first.cursor);
    } catch (error) {
      if (mine === run) tell({ state: "failed", problem: error });
    }
  };
  // Where it fails, its sender sees it as it was: it is here all the same.
  const acknowledge = (cursor) =>
    call(peer, `${service}.acknowledge`, { cursor }, { key: newKey() }).catch(() => {});
  const listen = (cursor) => {
    const query = new URLSearchParams({ topic: `${service}.*`, from: cursor ?? "now" });
    watch = follow(`/v1/watch/${encodeURIComponent(peer)}?${query}`, {
      onEvent: ({ event, data }) => {
        const told = parsed(data);
        const item = told?.body;
        if (!isRecord(item)) return;
        if (event.endsWith(".deleted")) items.delete(item.id);
        else if (accepts(item)) {
          put(item);
          if (reaches(event, item)) acknowledge(told.cursor);
        } else items.delete(item.id);
        tell();
      },
      onState: ({ phase, problem }) => {
        // What changed behind our place is no longer kept: only a new list knows it.
        if (problem?.code === "out_of_range" && Date.now() - begunAt > ANEW_MS) begin();
        else if (phase === "open") tell({ state: "live", problem: null });
        else tell({ state: phase, problem: problem ?? now.problem });
      },
    });
  };
  begin();
  return {
    reload: begin,
    more: async () => {
      if (!next) return;
      try {
        await read(next);
        tell();
      } catch (error) {
        tell({ problem: error });
      }
    },
    close: () => {
      abort.abort();
      watch?.close();
    },
  };
}

/** Whether it can be a row: others are left out, whatever a peer lists. */
function isRecord(item) {
  return typeof item?.id === "string" && item.id !== "";
}

/** The revision to compare by; what is none is older than any. */
function revisionOf({ revision }) {
  return /^\d+$/.test(String(revision)) ? BigInt(revision) : -1n;
}

/** Set on items that came by an event and not by the list. */
export const TOLD = Symbol("told");
