// What each peer enables, read once and kept.

import { get } from "./api.js";
import { node } from "./node.js";
import { tidied } from "./schema.js";

const AT_ONCE = 6;
const kept = new Map();

/** The methods of a peer, with their schemas. */
export function methodsOf(peer) {
  if (!kept.has(peer)) {
    const asked = get(`/v1/methods/${encodeURIComponent(peer)}`).then(({ methods }) => (Array.isArray(methods) ? methods.flatMap(tidy) : []));
    asked.catch(() => kept.delete(peer));
    kept.set(peer, asked);
  }
  return kept.get(peer);
}

/** A method as the page counts on it; `said` has its schemas word for word. */
function tidy(method) {
  const { name, effect, about, topics, params, result, example } = method ?? {};
  if (typeof name !== "string" || !name) return [];
  return [
    {
      name,
      // What does not say that it reads is given a key.
      effect: effect === "reads" ? "reads" : "writes",
      about: typeof about === "string" ? about : "",
      topics: Array.isArray(topics) ? topics.filter((topic) => typeof topic === "string") : [],
      params: tidied(params),
      result: tidied(result),
      example: typeof example === "object" && !Array.isArray(example) ? (example ?? {}) : {},
      said: { params, result },
    },
  ];
}

/** One method of a peer, or nothing. */
export async function methodOf(peer, name) {
  return (await methodsOf(peer)).find((method) => method.name === name);
}

/** Forgets what is known: the next look asks again. */
export function forget() {
  kept.clear();
}

/** Peers that answer requests, this node first where it does, the others by name. */
export function answering(status = node.get().status) {
  if (!status) return [];
  const names = (status.sessions ?? [])
    .filter((session) => session.role !== "client")
    .map((session) => session.peer)
    .sort();
  return [...new Set(status.role === "client" ? names : [status.name, ...names])];
}

/** Tells of each peer that enables a method, as soon as it is known; resolves when all are asked. */
export async function peersWith(method, onFound, { signal } = {}) {
  const names = answering();
  const found = [];
  const ask = async () => {
    for (let peer = names.shift(); peer !== undefined && !signal?.aborted; peer = names.shift()) {
      const has = await methodOf(peer, method).catch(() => null);
      if (!has || signal?.aborted) continue;
      found.push(peer);
      onFound(peer);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, ask));
  return found;
}
