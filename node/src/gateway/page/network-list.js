// The network as a table: the same as the picture, for screen readers and for many peers.

import { el, testid } from "./dom.js";
import { count, micros, seconds } from "./format.js";
import { roleIcon } from "./icons.js";
import { stateWords } from "./network-peers.js";

const HEADS = ["Peer", "State", "Dialed by", "Round trip", "Age", "Out", "In", "Address"];

/** A table of peers; the name opens the details. */
export function networkTable(peers, onPick) {
  const head = el(
    "tr",
    {},
    HEADS.map((name, at) => el(at > 2 && at < 7 ? "th.num" : "th", { scope: "col" }, name)),
  );
  return el(
    "div.table-place",
    {},
    el(
      "table.table.stacked",
      {},
      el("caption.unseen", {}, "Peers of this node"),
      el("thead", {}, head),
      el(
        "tbody",
        {},
        peers.map((peer) => row(peer, onPick)),
      ),
    ),
  );
}

function row(peer, onPick) {
  const session = peer.sessions[0] ?? {};
  const cell = (label, value, number = false) => el(number ? "td.num" : "td", { "data-label": label }, value);
  return el(
    peer.away ? "tr.dimmed" : "tr",
    testid(`peer-row-${peer.name}`),
    el(
      "th",
      { scope: "row" },
      el(
        "button.name-button",
        { type: "button", on: { click: () => onPick({ kind: "node", name: peer.name }) } },
        roleIcon(peer.role),
        el("span", {}, peer.name),
      ),
    ),
    cell("State", stateWords(peer)),
    cell("Dialed by", peer.away ? "us" : (peer.dialed ?? "–")),
    cell("Round trip", peer.away ? "–" : micros(peer.rtt), true),
    cell("Age", seconds(session.age_s), true),
    cell("Out", count(session.requests_out), true),
    cell("In", count(session.requests_in), true),
    cell("Address", el("span.mono", {}, session.address ?? peer.dial?.address ?? "–")),
  );
}
