// The node this page belongs to: its status as it changes, and whether it is there at all.

import { close, onTrouble } from "./api.js";
import { followShared, parsed } from "./sse.js";
import { store } from "./store.js";

/**
 * `phase`: `starting`, `live`, `lost` or `access` (this browser has no right to ask).
 * `problem`: why it is lost, where it said so itself. `epoch` grows whenever the node is back after it was lost: what was read before may be old.
 */
export const node = store({
  phase: "starting",
  status: null,
  seenAt: null,
  retryAt: null,
  epoch: 0,
  restarted: false,
  refused: null,
  problem: null,
});

let live = null;

/** Begins to follow the node. */
export function start() {
  live?.close();
  node.set({ phase: "starting", refused: null, problem: null });
  live = followShared("/v1/status/live", {
    replay: true,
    onEvent: ({ event, data }) => {
      const status = event === "status" ? parsed(data) : null;
      if (status) arrived(status);
    },
    onState: ({ phase, retryAt, problem }) => {
      if (node.get().phase === "access" || phase === "open") return;
      if (phase === "waiting") lost(retryAt, problem);
      else if (problem) refused(problem);
    },
  });
}

/** Tries to reach the node at once. */
export function retryNow() {
  live?.retry();
}

/** Ends this browser's right to ask; a fresh link opens the page again. */
export async function leave() {
  live?.close();
  await close();
  node.set({ phase: "access", refused: null });
}

/** The node's own name, or an empty text while it is not known. */
export function ourName() {
  return node.get().status?.name ?? "";
}

function arrived(status) {
  const { phase, epoch, status: before } = node.get();
  const back = phase === "lost";
  const restarted = back && before?.started_ms !== undefined && before.started_ms !== status.started_ms;
  node.set({ phase: "live", status, seenAt: Date.now(), retryAt: null, problem: null, restarted, epoch: back ? epoch + 1 : epoch });
}

function lost(retryAt, problem = null) {
  node.set({ phase: "lost", retryAt, problem });
}

function refused(problem) {
  live?.close();
  node.set({ phase: "access", refused: problem });
}

onTrouble({
  access: refused,
  unreachable: () => {
    if (node.get().phase !== "live") return;
    lost(null);
    live?.retry();
  },
});
