// The peers of a status: each once, with all its sessions, and those that are only dialed.

/** `[{name, role, sessions, dial, away, draining, ...}]`, in a lasting order. */
export function peersOf(status) {
  const peers = new Map();
  for (const session of status.sessions ?? []) {
    const peer = peers.get(session.peer) ?? { name: session.peer, role: session.role, sessions: [], dial: null };
    peer.sessions.push(session);
    peers.set(session.peer, peer);
  }
  for (const dial of status.dials ?? []) {
    if (!dial.peer) continue;
    const peer = peers.get(dial.peer) ?? { name: dial.peer, role: null, sessions: [], dial: null };
    peer.dial = dial;
    peers.set(dial.peer, peer);
  }
  const all = [...peers.values()].map(judged);
  return all.sort((a, b) => a.away - b.away || order(a.role) - order(b.role) || (a.name < b.name ? -1 : 1));
}

function judged(peer) {
  const [first] = peer.sessions;
  return {
    ...peer,
    away: peer.sessions.length === 0,
    draining: peer.sessions.length > 0 && peer.sessions.every((session) => session.draining),
    dialed: first?.dialed,
    rtt: first?.round_trip_us,
  };
}

function order(role) {
  return { server: 0, peer: 1, client: 2 }[role] ?? 3;
}

/** What is said of a peer beside its name. */
export function stateWords(peer) {
  if (peer.away) return peer.dial?.state ? String(peer.dial.state).replaceAll("_", " ") : "away";
  return peer.draining ? "draining" : (peer.role ?? "");
}
