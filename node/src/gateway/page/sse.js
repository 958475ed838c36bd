// Server-sent events read by fetch: EventSource cannot send the proof. Reconnects by itself, with
// backoff, from the last event it saw; rests while nobody looks at the page. A browser has six
// connections to a node: a hidden tab holds none, and tabs share the streams that all of them read.

import { Problem, newKey, stream } from "./api.js";
import { parse } from "./json.js";

const STALL_MS = 15_000;
const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 8_000;
const HIDDEN_MS = 2_000;
const SETTLED_MS = 5_000;

/**
 * Follows a stream. `onEvent({id, event, data})`; `onState({phase, retryAt?, problem?})` with phase
 * `open`, `waiting` or `ended`; an event `problem` is such a state. Returns `{close, retry}`:
 * `retry` connects anew, at once where it waits.
 */
export function follow(path, { onEvent, onState = () => {} }) {
  const line = lineTo(path, { onEvent, onState });
  const unseen = whileSeen(line.begin, line.rest);
  return {
    retry: line.retry,
    close: () => {
      unseen();
      line.rest();
    },
  };
}

/**
 * As `follow`, but among the tabs that follow the same path only one asks the node, and tells the
 * others what it hears. When it goes or is hidden, another takes over. Not for streams that resume.
 * `replay`: whether who comes later hears the last event, too.
 */
export function followShared(path, { onEvent, onState = () => {}, replay = false }) {
  // Where the page came over plain HTTP from another machine, browsers have no locks.
  if (!navigator.locks || !globalThis.BroadcastChannel) return follow(path, { onEvent, onState });
  let seat = null;
  const unseen = whileSeen(
    () => {
      seat = sit(path, { onEvent, onState, replay });
    },
    () => {
      seat?.leave();
      seat = null;
    },
  );
  return {
    retry: () => seat?.retry(),
    close: () => {
      unseen();
      seat?.leave();
      seat = null;
    },
  };
}

/** Takes part in a shared stream: listens, and asks the node itself once no other tab does. */
function sit(path, { onEvent, onState, replay }) {
  const channel = new BroadcastChannel(`bothways ${path}`);
  const left = new AbortController();
  let line = null;
  let release = null;
  let last = {};
  const me = newKey();
  const tell = (told) => {
    if (left.signal.aborted) return;
    if (told.state || replay) last = { ...last, ...told };
    channel.postMessage(told);
    hear(told);
  };
  const hear = ({ state, event }) => {
    if (left.signal.aborted) return;
    if (event) onEvent(event);
    if (state) onState({ ...state, problem: state.problem && new Problem(state.problem.body, state.problem.status) });
  };
  channel.onmessage = ({ data }) => {
    if (data.ask === "retry") line?.retry();
    else if (data.ask) line && channel.postMessage({ ...last, to: data.ask });
    else if (!line && (!data.to || data.to === me)) hear(data);
  };
  const lead = () => {
    if (left.signal.aborted) return undefined;
    line = lineTo(path, {
      onEvent: (event) => tell({ event }),
      // An error is no message: its words and number are.
      onState: ({ problem, ...state }) => {
        tell({ state: { ...state, problem: problem && { body: problem.body, status: problem.status } } });
        if (state.phase === "ended") release?.();
      },
    });
    line.begin();
    return new Promise((resolve) => {
      release = resolve;
    });
  };
  channel.postMessage({ ask: me });
  navigator.locks.request(`bothways ${path}`, { signal: left.signal }, lead).catch(() => {});
  return {
    retry: () => (line ? line.retry() : channel.postMessage({ ask: "retry" })),
    leave: () => {
      left.abort();
      line?.rest();
      release?.();
      channel.close();
    },
  };
}

/** Begins now or as soon as the page is seen, ends a little after it is hidden. Returns how to stop. */
function whileSeen(begin, end) {
  let begun = false;
  let hiding = null;
  const look = () => {
    clearTimeout(hiding);
    if (!document.hidden && !begun) {
      begun = true;
      begin();
    } else if (document.hidden && begun) {
      hiding = setTimeout(() => {
        begun = false;
        end();
      }, HIDDEN_MS);
    }
  };
  document.addEventListener("visibilitychange", look);
  look();
  return () => {
    clearTimeout(hiding);
    document.removeEventListener("visibilitychange", look);
  };
}

/** One stream, begun and ended at will; begun again, it goes on after the last event it saw. */
function lineTo(path, { onEvent, onState }) {
  let lastId;
  let failures = 0;
  let openedAt = 0;
  let abort = null;
  let timer = null;

  const connect = async () => {
    rest();
    abort = new AbortController();
    const mine = abort;
    const isCurrent = () => abort === mine;
    let stall = null;
    const alive = () => {
      clearTimeout(stall);
      stall = setTimeout(() => mine.abort(), STALL_MS);
    };
    try {
      alive();
      const answer = await stream(path, { signal: mine.signal, lastId });
      if (!isCurrent()) return mine.abort();
      openedAt = Date.now();
      onState({ phase: "open" });
      await read(answer.body, alive, (event) => {
        if (!isCurrent()) return;
        if (event.event === "problem") throw told(event.data);
        if (event.id) lastId = event.id;
        try {
          onEvent(event);
        } catch (error) {
          // What we cannot show is no reason to ask again.
          reportError(error);
        }
      });
      if (isCurrent()) again();
    } catch (error) {
      mine.abort();
      if (!isCurrent()) return;
      if (isFinal(error)) onState({ phase: "ended", problem: error });
      else again(error);
    } finally {
      clearTimeout(stall);
    }
  };
  const again = (error) => {
    // Who accepts and ends at once is asked less and less often, too.
    if (openedAt && Date.now() - openedAt > SETTLED_MS) failures = 0;
    openedAt = 0;
    const problem = error instanceof Problem ? error : undefined;
    const backoff = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** failures++) * (0.7 + Math.random() * 0.3);
    const wait = Math.max(backoff, Number(problem?.body.retry_after_ms) || 0);
    onState({ phase: "waiting", retryAt: Date.now() + wait, problem });
    timer = setTimeout(connect, wait);
  };
  const rest = () => {
    clearTimeout(timer);
    timer = null;
    abort?.abort();
    abort = null;
  };
  return {
    begin: connect,
    rest,
    retry: () => {
      failures = 0;
      if (timer || abort) connect();
    },
  };
}

/** Whether to ask again is of no use: as the one who answered says, else by the status. */
function isFinal(error) {
  if (!(error instanceof Problem)) return false;
  const { status, body } = error;
  if (body.retry) return body.retry === "never";
  return status < 500 && status !== 429;
}

function told(data) {
  const body = parsed(data) ?? {};
  return new Problem(body, body.status ?? 500);
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
    return parse(data);
  } catch {
    return null;
  }
}
