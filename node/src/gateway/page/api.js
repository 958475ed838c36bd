// Requests to the node's gateway: each carries the proof that this browser was let in.

import { parse } from "./json.js";
import { kept } from "./store.js";

const PROOF = "bothways.proof";
const READ_MS = 20_000;
const SPARE_MS = 2_000;
const TOO_LONG =
  "the cookies that this browser keeps for this host are too long for the node: delete those of this host, or open it by another name, such as 127.0.0.1 instead of localhost";
const followers = { access: () => {}, unreachable: () => {} };

/** A refusal: problem details (RFC 9457) as the gateway or a peer worded them. */
export class Problem extends Error {
  constructor(body, status, traceparent) {
    super(String(body.detail ?? body.title ?? `HTTP ${status}`));
    Object.assign(this, { body, status, traceparent, code: String(body.code ?? `http_${status}`) });
  }

  get field() {
    const field = this.body.details?.field;
    return typeof field === "string" ? field : undefined;
  }
}

/** The node did not answer at all. */
export class Unreachable extends Error {}

/** Who is told when the node wants proof, or cannot be reached. */
export function onTrouble({ access, unreachable }) {
  Object.assign(followers, { access, unreachable });
}

/** Trades a one-time token for the right to ask. */
export async function open(token) {
  const late = AbortSignal.timeout(READ_MS + SPARE_MS);
  const answer = await send("/v1/open", {
    method: "POST",
    body: JSON.stringify({ token }),
    headers: { "Content-Type": "application/json" },
    signal: late,
  }).catch((error) => {
    throw late.aborted ? new Unreachable("no connection to the node is free: close other tabs of it") : error;
  });
  if (!answer.ok) throw await refusal(answer);
  const body = await answer.json().catch(() => null);
  if (!body?.proof) throw new Unreachable("the node's answer broke off");
  kept.set(PROOF, body.proof);
}

/** Who is told when another tab lets this browser in. */
export function onLetIn(act) {
  addEventListener("storage", ({ key, newValue }) => {
    if (key === PROOF && newValue) act();
  });
}

/** Whether this browser was let in before. */
export function wasLetIn() {
  return Boolean(kept.get(PROOF));
}

/** Ends this browser's right to ask. */
export async function close() {
  await whole("/v1/close", { method: "POST" }, READ_MS).catch(() => {});
  kept.remove(PROOF);
}

/** Reads one resource. */
export async function get(path, { signal } = {}) {
  return (await whole(path, { signal }, READ_MS)).body;
}

/** Calls a method of a peer; refusals are thrown as `Problem`. */
export async function call(peer, method, params, { key, deadlineMs = 10_000, signal } = {}) {
  const headers = { "Content-Type": "application/json", "Deadline-Ms": String(deadlineMs) };
  if (key) headers["Idempotency-Key"] = key;
  const began = performance.now();
  const path = `/v1/call/${encodeURIComponent(peer)}/${encodeURIComponent(method)}`;
  const text = typeof params === "string" ? params : JSON.stringify(params);
  const { answer, body } = await whole(path, { method: "POST", headers, body: text, signal }, deadlineMs);
  return { result: body, traceparent: answer.headers.get("traceparent"), us: (performance.now() - began) * 1000 };
}

/** Opens a stream of events. */
export async function stream(path, { signal, lastId }) {
  const headers = { Accept: "text/event-stream" };
  if (lastId) headers["Last-Event-ID"] = lastId;
  return request(path, { headers, signal });
}

/** A new idempotency key: 32 hex digits. */
export function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
}

/** The trace of a `traceparent` header. */
export function traceOf(traceparent) {
  return /^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(traceparent ?? "")?.[1];
}

/** A request and its whole answer, within a time: the node's own limit, and some to get there. */
async function whole(path, { signal, ...options }, limitMs) {
  const late = AbortSignal.timeout(limitMs + SPARE_MS);
  try {
    const answer = await request(path, { ...options, signal: signal ? AbortSignal.any([signal, late]) : late });
    const text = await answer.text();
    return { answer, body: text ? parse(text) : {} };
  } catch (error) {
    if (signal?.aborted || error instanceof Problem || error instanceof Unreachable) throw error;
    if (late.aborted) throw new Unreachable("no connection to the node is free: close other tabs of it");
    if (error instanceof SyntaxError) throw new Unreachable("the node's answer cannot be read");
    throw new Unreachable("the node's answer broke off");
  }
}

async function request(path, options) {
  const proof = kept.get(PROOF);
  const headers = { ...options.headers };
  if (proof) headers["Bothways-Proof"] = proof;
  const answer = await send(path, { ...options, headers });
  if (answer.ok) return answer;
  const problem = await refusal(answer);
  // A peer may refuse as `unauthenticated`, too: that is an answer, and names the peer.
  if (answer.status === 401 && !problem.body.peer) followers.access(problem);
  throw problem;
}

/** A refusal in the words of the one who answered, or in ours where there are none. */
async function refusal(answer) {
  const text = await answer.text().catch(() => "");
  const body = parsedOr(text, {});
  if (answer.status === 431) body.detail ??= TOO_LONG;
  return new Problem(body, answer.status, answer.headers.get("traceparent"));
}

function parsedOr(text, otherwise) {
  try {
    const value = parse(text);
    return value && typeof value === "object" ? value : otherwise;
  } catch {
    return otherwise;
  }
}

async function send(path, options) {
  try {
    return await fetch(path, { credentials: "same-origin", cache: "no-store", redirect: "error", ...options });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    followers.unreachable();
    throw new Unreachable("the node does not answer");
  }
}
