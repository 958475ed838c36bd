// Server-sent events read by fetch: EventSource cannot send the proof. Reconnects by itself, with
// backoff, from the last event it saw; rests while nobody looks at the page.

import { Problem, stream } from "./api.js";

const STALL_MS = 15_000;
const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 8_000;
const HIDDEN_MS = 20_000;
const SETTLED_MS = 5_000;

/**
 * Follows a stream. `onEvent({id, event, data})`; `onState({phase, retryAt?, problem?})` with phase
 * `open`, `waiting` or `ended`. Returns `{close, retry}`: `retry` connects anew, at once where it waits.
 */
export function follow(path, { onEvent, onState = () => {}, lastId }) {
  let stopped = false;
  let failures = 0;
  let openedAt = 0;
  let abort = null;
  let timer = null;
  let resting = null;

  const connect = async () => {
    clearTimeout(timer);
    timer = null;
    abort = new AbortController();
    const mine = abort;
    let stall = null;
    const alive = () => {
      clearTimeout(stall);
      stall = setTimeout(() => mine.abort(), STALL_MS);
    };
    try {
      alive();
      const target = typeof path === "function" ? path(lastId) : path;
      const answer = await stream(target, { signal: mine.signal, lastId });
      if (stopped) return mine.abort();
      openedAt = Date.now();
      onState({ phase: "open" });
      await read(answer.body, alive, (event) => {
        if (event.id) lastId = event.id;
        if (!stopped) onEvent(event);
      });
      again();
    } catch (error) {
      if (error instanceof Problem && error.status < 500 && error.status !== 429) end(error);
      else again(error);
    } finally {
      clearTimeout(stall);
    }
  };

  const again = (error) => {
    if (stopped || resting === "rests") return;
    // Who accepts and ends at once is asked less and less often, too.
    if (openedAt && Date.now() - openedAt > SETTLED_MS) failures = 0;
    openedAt = 0;
    const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** failures++) * (0.7 + Math.random() * 0.3);
    onState({ phase: "waiting", retryAt: Date.now() + wait, problem: error instanceof Problem ? error : undefined });
    timer = setTimeout(connect, wait);
  };

  const end = (problem) => {
    if (!stopped) onState({ phase: "ended", problem });
    close();
  };

  const look = () => {
    if (document.hidden) {
      resting = setTimeout(() => {
        resting = "rests";
        clearTimeout(timer);
        abort?.abort();
      }, HIDDEN_MS);
    } else {
      const rested = resting === "rests";
      clearTimeout(resting);
      resting = null;
      if (rested) connect();
    }
  };

  const close = () => {
    stopped = true;
    clearTimeout(timer);
    clearTimeout(resting);
    document.removeEventListener("visibilitychange", look);
    abort?.abort();
  };

  document.addEventListener("visibilitychange", look);
  connect();
  const retry = () => {
    failures = 0;
    if (timer) connect();
    else abort?.abort();
  };
  return { close, retry };
}

/** Reads a body of events (WHATWG HTML §9.2.6). */
async function read(body, alive, tell) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let event = { data: [] };
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    alive();
    rest += value;
    // A lone CR at the end may be half of a CRLF.
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop();
    for (const line of lines) {
      if (line !== "") take(event, line);
      else {
        if (event.data.length) tell({ id: event.id, event: event.event ?? "message", data: event.data.join("\n") });
        event = { data: [] };
      }
    }
  }
}

function take(event, line) {
  const colon = line.indexOf(":");
  if (colon === 0) return;
  const name = colon < 0 ? line : line.slice(0, colon);
  const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
  if (name === "data") event.data.push(value);
  else if (name === "event") event.event = value;
  else if (name === "id") event.id = value;
}

/** JSON that a stream brought, or nothing. */
export function parsed(data) {
  try {
    return JSON.parse(data);
  } catch {
    return null;
  }
}
