// What is known of one node or session, as it changes.

import { el, fill } from "./dom.js";
import { away, count, day, micros, seconds } from "./format.js";
import { peersOf } from "./network-peers.js";
import { node } from "./node.js";
import { facts, openPanel } from "./panel.js";
import { address } from "./router.js";
import { copyable } from "./said.js";

/** Opens the details of `{kind: "us" | "node" | "session", name}` and keeps them true. */
export function openDetails({ kind, name }) {
  let stop = () => {};
  const place = el("div");
  const panel = openPanel({
    title: name,
    label: `${kind === "session" ? "Session with" : "Node"} ${name}`,
    content: place,
    tag: `node ${name}`,
    onClose: () => stop(),
  });
  let drawn = "";
  stop = node.follow(({ status }) => {
    if (!status) return;
    const peer = peersOf(status).find((one) => one.name === name);
    const view = JSON.stringify(kind === "us" ? { ...status, sessions: 0 } : (peer ?? null));
    // What has the focus or is selected is not taken away while nothing changed.
    if (view === drawn || place.contains(document.activeElement) || selects(place)) return;
    drawn = view;
    fill(
      place,
      kind === "us"
        ? ours(status)
        : peer
          ? theirs(peer, status)
          : el("p.empty", {}, `${name} is gone: there is no session with it, and it is not dialed.`),
    );
  });
  return panel;
}

function selects(place) {
  const selection = getSelection();
  return selection && !selection.isCollapsed && place.contains(selection.anchorNode);
}

function ours(status) {
  const { requests, store, log } = status;
  return [
    facts([
      ["role", status.role],
      ["network", status.network],
      ["version", status.version],
      ["process", status.pid],
      ["started", status.started_ms ? `${day(status.started_ms)} (${away(status.started_ms)})` : null],
      [
        "listens on",
        status.listening?.length
          ? status.listening.map((one) => el("div", {}, copyable(String(one), "address")))
          : "nothing",
      ],
    ]),
    el("h3", {}, "Requests"),
    facts([
      ["sent", requests?.out && tally(requests.out)],
      ["answered", requests?.in && tally(requests.in)],
      ["subscriptions", subscriptions(status.subscriptions)],
    ]),
    store
      ? [
          el("h3", {}, "Store"),
          facts([
            ["revision", count(store.revision)],
            ["size", store.bytes === undefined ? null : `${count(store.bytes)} bytes`],
            ["writes", store.read_only ? "refused: read only" : "taken"],
          ]),
        ]
      : null,
    log?.dropped ? el("p.note.tone-refused", {}, `${count(log.dropped)} log lines were dropped.`) : null,
  ];
}

function subscriptions(value) {
  return value && typeof value === "object"
    ? count(Array.isArray(value) ? value.length : (value.count ?? Object.keys(value).length))
    : value === undefined
      ? null
      : count(value);
}

function tally({ total, failed, in_flight }) {
  return `${count(total)}, ${count(failed)} failed, ${count(in_flight)} in flight`;
}

function theirs(peer, status) {
  const links = el(
    "p.links",
    {},
    el("a", { href: address("exchange", { peer: peer.name }) }, "its exchange"),
    peer.away || peer.role === "client"
      ? null
      : el("a", { href: address("methods", { peer: peer.name }) }, "its methods"),
  );
  const dial = peer.dial
    ? [
        el("h3", {}, "Dial"),
        facts([
          ["address", peer.dial.address],
          ["state", peer.dial.state],
        ]),
      ]
    : null;
  return [
    peer.away ? el("p.note.tone-refused", {}, "There is no session with it now.") : null,
    peer.draining ? el("p.note.tone-refused", {}, "It is draining: it takes no new requests.") : null,
    facts([["role", peer.role]]),
    links,
    peer.sessions.map((session, at) => [
      el("h3", {}, peer.sessions.length > 1 ? `Session ${at + 1}` : "Session"),
      sessionFacts(session, status),
    ]),
    dial,
  ];
}

function sessionFacts(session, status) {
  const ends = session.certificate_ends_unix_s ? session.certificate_ends_unix_s * 1000 : null;
  const lost = session.sent_packets
    ? `${count(session.lost_packets ?? 0)} of ${count(session.sent_packets)} packets`
    : null;
  return facts([
    [
      "dialed by",
      session.dialed === "us"
        ? `${status.name} (us)`
        : session.dialed === "them"
          ? `${session.peer} (them)`
          : session.dialed,
    ],
    ["address", session.address ? copyable(session.address, "address") : null],
    ["age", session.age_s === undefined ? null : seconds(session.age_s)],
    ["round trip", session.round_trip_us === undefined ? null : micros(session.round_trip_us)],
    ["lost", lost],
    ["streams", session.streams === undefined ? null : count(session.streams)],
    ["requests out", session.requests_out === undefined ? null : count(session.requests_out)],
    ["requests in", session.requests_in === undefined ? null : count(session.requests_in)],
    ["program", session.agent],
    ["fingerprint", session.fingerprint ? copyable(session.fingerprint, "fingerprint") : null],
    ["certificate ends", ends ? `${day(ends)} (${away(ends)})` : null],
  ]);
}
