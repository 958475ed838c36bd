// The records of one service at one peer: listed, then kept true by what the service tells.

import { call, newKey, Problem } from "./api.js";
import { follow, parsed } from "./sse.js";

const PAGES = 10;

/**
 * Lists and watches. `params` are those of the list besides the page; `accepts(item)` says whether
 * an item that is told of belongs here, `reaches(event, item)` whether its sender is to know that it was
 * shown. `onChange({items, more, state, problem})`, the newest first.
 */
export function followRecords({ peer, service, list, params, accepts, reaches = () => false, onChange }) {
  const items = new Map();
  const abort = new AbortController();
  let watch = null;
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
    const page = { ...params, ...(after && { after }), ...(limit && { limit }) };
    const { result } = await call(peer, list.name, page, { signal: abort.signal });
    const found = Object.values(result).find(Array.isArray) ?? [];
    for (const item of found) put(item, false);
    next = result.next;
    return result;
  };
  const put = (item, told = true) => {
    const before = items.get(item.id);
    if (before && BigInt(before.revision ?? 0) > BigInt(item.revision ?? 0)) return;
    items.set(item.id, told ? { ...item, [TOLD]: true } : item);
  };
  const begin = async () => {
    watch?.close();
    items.clear();
    next = undefined;
    try {
      const first = await read();
      for (let page = 1; next && page < PAGES; page++) await read(next);
      tell({ state: "read", problem: null });
      listen(first.cursor);
    } catch (error) {
      if (!abort.signal.aborted) tell({ state: "failed", problem: error });
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
        if (event === "problem") return tell({ problem: new Problem(told ?? {}, told?.status ?? 500) });
        const item = told?.body;
        if (item?.id === undefined) return;
        if (event.endsWith(".deleted")) items.delete(item.id);
        else if (accepts(item)) {
          put(item);
          if (reaches(event, item)) acknowledge(told.cursor);
        }
        else items.delete(item.id);
        tell();
      },
      onState: ({ phase, problem }) => {
        if (phase === "open") tell({ state: "live", problem: null });
        else tell({ state: phase, problem: problem ?? now.problem });
      },
    });
  };
  begin();
  return {
    reload: begin,
    more: async () => {
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

/** Set on items that came by an event and not by the list. */
export const TOLD = Symbol("told");
