// Choosing at which peer a service is used: those that enable it, found as they answer.

import { answering, methodOf, peersWith } from "./catalog.js";
import { el, fill, testid } from "./dom.js";
import { refine } from "./router.js";

/** A select: `{node, seek(method, wanted), close}`; `onChoose(peer | null)` is called for a choice. */
export function peerChoice(onChoose) {
  const select = el("select", {
    "aria-label": "At which peer",
    ...testid("peer-choice"),
    on: { change: () => refine({ peer: select.value }) },
  });
  const node = el("label.at-peer", {}, el("span", {}, "at"), select);
  let abort = new AbortController();
  let chosen = null;
  const names = new Set();
  const offer = (peer) => {
    names.add(peer);
    fill(
      select,
      [...names].sort().map((name) => el("option", { value: name }, name)),
    );
    select.value = chosen ?? peer;
  };
  const choose = (peer) => {
    if (peer === chosen) return;
    chosen = peer;
    select.value = peer ?? "";
    onChoose(peer);
  };
  return {
    node,
    choose,
    /** Looks for more peers; the one that is chosen stays. */
    async refresh(method) {
      const { signal } = abort;
      await peersWith(method, (peer) => !signal.aborted && offer(peer), { signal });
    },
    /** Asks all peers again; takes the wanted one, else the first, else the first that answers. */
    async seek(method, wanted) {
      abort.abort();
      abort = new AbortController();
      const { signal } = abort;
      names.clear();
      chosen = undefined;
      const [first] = answering();
      if (!wanted && first) await methodOf(first, method).catch(() => null);
      if (signal.aborted) return;
      const found = await peersWith(
        method,
        (peer) => {
          offer(peer);
          if (!chosen && (!wanted || wanted === peer)) choose(peer);
        },
        { signal },
      );
      if (signal.aborted || chosen) return;
      choose(found.sort()[0] ?? null);
    },
    close: () => abort.abort(),
  };
}
