// Draws the picture of the network and lets requests pass through it.

import { svg, testid } from "./dom.js";
import { micros } from "./format.js";
import { roleShape } from "./icons.js";
import { pressable } from "./keys.js";
import { fitted, widthOf } from "./measure.js";
import { edge, layout } from "./network-layout.js";
import { stateWords } from "./network-peers.js";
import { tone } from "./tone.js";

const DOTS_MAX = 40;
const DOT_EVERY_MS = 90;

/** Draws the picture into an `svg`; `onPick({kind, name}, event)` tells what was chosen. */
export function drawNetwork(picture, status, peers, { width, room }, onPick) {
  const plan = layout(peers.length, width, room);
  picture.setAttribute("viewBox", `0 0 ${plan.width} ${plan.height}`);
  picture.setAttribute("width", plan.width);
  picture.setAttribute("height", plan.height);
  const lines = svg("g.lines");
  const cards = svg("g.cards");
  const dots = svg("g.dots", { "aria-hidden": "true" });
  const ways = new Map();
  peers.forEach((peer, at) => {
    const place = plan.places[at];
    const way = { from: edge(plan.centre, place), to: edge(place, plan.centre), card: null };
    if (plan.mode === "ring")
      lines.append(session(peer, way, status, () => onPick({ kind: "session", name: peer.name })));
    way.card = plan.mode === "ring" ? card(peer, place, width, onPick) : cell(peer, place, onPick);
    cards.append(way.card);
    ways.set(peer.name, way);
  });
  cards.append(card({ name: status.name, role: status.role, ours: true }, plan.centre, width, onPick));
  picture.replaceChildren(lines, cards, dots);
  return { plan, ways, dots };
}

function card(peer, place, width, onPick) {
  const { x, y, w, h } = place;
  const small = w < 130;
  const left = x - w / 2 + (small ? 30 : 43);
  const room = x + w / 2 - left - 7;
  const words = !peer.ours ? stateWords(peer) : small ? "this node" : `${peer.role ?? "node"} · this node`;
  return svg(
    `g.card${classes(peer)}`,
    picked(peer, { kind: peer.ours ? "us" : "node", name: peer.name }, onPick),
    svg("rect.box", { x: x - w / 2, y: y - h / 2, width: w, height: h, rx: 10 }),
    roleShape(peer.role, x - w / 2 + (small ? 17 : 24), y, small ? 7 : 9),
    svg("text.name", { x: left, y: y - 2 }, fitted(peer.name, room, 13.5, 600), svg("title", {}, peer.name)),
    svg("text.about", { x: left, y: y + 14 }, fitted(words, room, 11.5)),
  );
}

function cell(peer, place, onPick) {
  const { x, y, w, h } = place;
  const left = x - w / 2;
  const rtt = peer.away ? "" : `${peer.dialed === "us" ? "→" : "←"} ${micros(peer.rtt)}`;
  return svg(
    `g.card.cell${classes(peer)}`,
    picked(peer, { kind: "node", name: peer.name }, onPick),
    svg("rect.box", { x: left, y: y - h / 2, width: w, height: h, rx: 8 }),
    roleShape(peer.role, left + 18, y, 6),
    svg("text.name", { x: left + 32, y: y - 2 }, fitted(peer.name, w - 39, 12.5, 560), svg("title", {}, peer.name)),
    svg(
      "text.about",
      { x: left + 32, y: y + 13 },
      fitted(peer.away || peer.draining ? stateWords(peer) : rtt, w - 39, 11),
    ),
  );
}

function picked(peer, what, onPick) {
  const words = peer.ours
    ? `${peer.name}, ${peer.role}, this node`
    : `${peer.name}, ${stateWords(peer)}, round trip ${micros(peer.rtt)}, dialed by ${peer.dialed === "us" ? "us" : "them"}`;
  return {
    role: "button",
    tabindex: "-1",
    "data-pick": "",
    "aria-label": words,
    ...testid(`node-card-${peer.name}`),
    on: pressable(() => onPick(what)),
  };
}

function classes(peer) {
  return `${peer.ours ? ".ours" : ""}${peer.away ? ".away" : ""}${peer.draining ? ".draining" : ""}`;
}

/** A session's line: the arrow points from who dialed to who was dialed. */
function session(peer, { from, to }, status, act) {
  const [tail, head] = peer.dialed === "them" ? [to, from] : [from, to];
  const angle = Math.atan2(head.y - tail.y, head.x - tail.x);
  const tip = (turn, length) =>
    `${head.x - length * Math.cos(angle + turn)} ${head.y - length * Math.sin(angle + turn)}`;
  const line = svg("line.line", { x1: tail.x, y1: tail.y, x2: head.x, y2: head.y });
  const wide = svg("line.reach", { x1: tail.x, y1: tail.y, x2: head.x, y2: head.y });
  const arrow = svg("path.tip", { d: `M${tip(0.42, 9)}L${head.x} ${head.y}L${tip(-0.42, 9)}` });
  const [mx, my] = [(tail.x + head.x) / 2, (tail.y + head.y) / 2];
  const label = peer.away
    ? stateWords(peer)
    : `${micros(peer.rtt)}${peer.sessions.length > 1 ? ` ×${peer.sessions.length}` : ""}`;
  const w = widthOf(label, 11) + 16;
  const dialed = peer.dialed === "them" ? `${peer.name} dialed` : `${status.name} dialed`;
  return svg(
    `g.session${classes(peer)}`,
    {
      role: "button",
      tabindex: "-1",
      "data-pick": "",
      ...testid(`session-${peer.name}`),
      "aria-label": `session with ${peer.name}, ${dialed}, ${label}`,
      on: pressable(act),
    },
    line,
    arrow,
    svg("rect.pill", { x: mx - w / 2, y: my - 10, width: w, height: 20, rx: 10 }),
    svg("text.rtt", { x: mx, y: my + 4 }, label),
    wide,
  );
}

/** Lets requests pass as dots; returns what is to be called for each record. */
export function passing(picture) {
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const last = new Map();
  let alive = 0;
  return (drawn, record) => {
    const way = drawn?.ways.get(record.peer);
    const now = performance.now();
    if (!way || document.hidden || now - (last.get(record.peer) ?? 0) < DOT_EVERY_MS) return;
    last.set(record.peer, now);
    if (drawn.plan.mode === "grid" || still.matches) return flash(way.card, record);
    if (alive >= DOTS_MAX) return;
    const [a, b] = record.dir === "in" ? [way.to, way.from] : [way.from, way.to];
    alive++;
    run(drawn.dots, a, b, "asks", () => run(drawn.dots, b, a, tone(record.code), () => alive--));
  };
}

function run(dots, a, b, kind, then) {
  const dot = svg(`circle.dot.dot-${kind}`, { r: kind === "asks" ? 4 : 3.4 });
  dots.append(dot);
  const at = (p) => ({ transform: `translate(${p.x}px, ${p.y}px)` });
  const moved = dot.animate([at(a), at(b)], { duration: 520, easing: "cubic-bezier(.4,0,.3,1)" });
  const over = () => {
    dot.remove();
    then();
  };
  moved.onfinish = over;
  moved.oncancel = over;
}

function flash(card, record) {
  const kind = `flash-${tone(record.code)}`;
  card.classList.add("flash", kind);
  setTimeout(() => card.classList.remove("flash", kind), 350);
}
