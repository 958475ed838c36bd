// Where each node stands in the picture: a ring while it can be read, else a grid. Pure.

/** The size of a node's card at a width. */
export function cardSize(width) {
  return width < 560 ? { w: 104, h: 46, name: 11 } : { w: 158, h: 54, name: 17 };
}

/** How many peers a ring may have. */
export function ringMax(width) {
  return width < 560 ? 5 : width < 900 ? 10 : 14;
}

/**
 * `{mode, width, height, centre: {x, y}, places: [{x, y, w, h}]}` for so many peers; the places are
 * in the order of the peers.
 */
export function layout(peers, width) {
  return peers <= ringMax(width) ? ring(peers, width) : grid(peers, width);
}

function ring(peers, width) {
  const card = cardSize(width);
  const height = width < 560 ? 400 : Math.min(560, Math.max(400, 300 + peers * 22));
  const centre = { x: width / 2, y: height / 2, w: card.w, h: card.h };
  const rx = Math.min(width / 2 - card.w / 2 - 4, 430);
  const ry = height / 2 - card.h / 2 - 10;
  // Two peers stand left and right, any other number begins above; three leave the top free.
  const first = peers === 2 ? Math.PI : peers === 1 ? 0 : peers === 3 ? -Math.PI * 5 / 6 : -Math.PI / 2 + Math.PI / peers;
  const turn = width < 560 && peers <= 2 ? -Math.PI / 2 + (peers === 2 ? -Math.PI / 1 : 0) : 0;
  const angles = evenly(peers, rx, ry, first + turn);
  const places = angles.map((angle) => ({ x: centre.x + rx * Math.cos(angle), y: centre.y + ry * Math.sin(angle), w: card.w, h: card.h }));
  return { mode: "ring", width, height, centre, places };
}

/** Angles that cut an ellipse into arcs of the same length, so that cards keep their distance. */
function evenly(parts, rx, ry, first) {
  const steps = 720;
  const along = [0];
  for (let at = 1; at <= steps; at++) {
    const a = first + (2 * Math.PI * (at - 0.5)) / steps;
    along.push(along[at - 1] + Math.hypot(rx * Math.sin(a), ry * Math.cos(a)));
  }
  const whole = along[steps];
  let at = 0;
  return Array.from({ length: parts }, (_, part) => {
    const wanted = (whole * part) / parts;
    while (along[at] < wanted) at++;
    return first + (2 * Math.PI * at) / steps;
  });
}

function grid(peers, width) {
  const gap = 8;
  const least = width < 560 ? 150 : 168;
  const columns = Math.max(1, Math.floor((width + gap) / (least + gap)));
  const w = (width - gap * (columns - 1)) / columns;
  const h = 42;
  const top = 96;
  const places = Array.from({ length: peers }, (_, at) => ({
    x: (at % columns) * (w + gap) + w / 2, y: top + Math.floor(at / columns) * (h + gap) + h / 2, w, h,
  }));
  const card = cardSize(width);
  return { mode: "grid", width, height: top + Math.ceil(peers / columns) * (h + gap), centre: { x: width / 2, y: 36, w: Math.max(card.w, 150), h: 54 }, places, columns };
}

/** Where a line from the middle of one card to another leaves the first. */
export function edge(from, to, space = 5) {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  if (!dx && !dy) return { x: from.x, y: from.y };
  const scale = Math.min((from.w / 2 + space) / Math.abs(dx || 1e-9), (from.h / 2 + space) / Math.abs(dy || 1e-9));
  return { x: from.x + dx * Math.min(scale, 1), y: from.y + dy * Math.min(scale, 1) };
}
