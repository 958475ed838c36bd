// Requests to the node's gateway: each carries the proof that this browser was let in.

const KEPT = "bothways.proof";
const followers = { access: () => {}, unreachable: () => {} };

/** A refusal: problem details (RFC 9457) as the gateway or a peer worded them. */
export class Problem extends Error {
  constructor(body, status, traceparent) {
    super(body.detail ?? body.title ?? `HTTP ${status}`);
    Object.assign(this, { body, status, traceparent, code: body.code ?? `http_${status}` });
  }

  get field() {
    return this.body.details?.field;
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
  const answer = await send("/v1/open", {
    method: "POST",
    body: JSON.stringify({ token }),
    headers: { "Content-Type": "application/json" },
  });
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Problem(body, answer.status);
  localStorage.setItem(KEPT, body.proof);
}

/** Ends this browser's right to ask. */
export async function close() {
  await request("/v1/close", { method: "POST" }).catch(() => {});
  localStorage.removeItem(KEPT);
}

/** Reads one resource. */
export async function get(path, { signal } = {}) {
  return (await request(path, { signal })).json();
}

/** Calls a method of a peer; refusals are thrown as `Problem`. */
export async function call(peer, method, params, { key, deadlineMs = 10_000, signal } = {}) {
  const headers = { "Content-Type": "application/json", "Deadline-Ms": String(deadlineMs) };
  if (key) headers["Idempotency-Key"] = key;
  const began = performance.now();
  const path = `/v1/call/${encodeURIComponent(peer)}/${encodeURIComponent(method)}`;
  const body = typeof params === "string" ? params : JSON.stringify(params);
  const answer = await request(path, { method: "POST", headers, body, signal });
  const result = await answer.json();
  return { result, traceparent: answer.headers.get("traceparent"), us: (performance.now() - began) * 1000 };
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

async function request(path, options) {
  const proof = localStorage.getItem(KEPT);
  const headers = { ...options.headers };
  if (proof) headers["Bothways-Proof"] = proof;
  const answer = await send(path, { ...options, headers });
  if (answer.ok) return answer;
  const body = await answer.json().catch(() => ({}));
  const problem = new Problem(body, answer.status, answer.headers.get("traceparent"));
  // A peer may refuse as `unauthenticated`, too: that is an answer, and names the peer.
  if (answer.status === 401 && !body.peer) followers.access(problem);
  throw problem;
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
