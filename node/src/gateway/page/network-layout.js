// Where each node stands in the picture: a ring while it can be read, else a grid. Pure.

/** The size of a node's card at a width. */
function cardSize(width) {
  return width < 560 ? { w: 104, h: 46 } : { w: 158, h: 54 };
}

/** How many peers a ring may have. */
function ringMax(width) {
  return width < 560 ? 6 : width < 900 ? 10 : 14;
}

/**
 * `{mode, width, height, centre: {x, y}, places: [{x, y, w, h}]}` for so many peers; the places are
 * in the order of the peers. `room` is the height that a ring may take where it needs less.
 */
export function layout(peers, width, room = 500) {
  if (peers > ringMax(width)) return grid(peers, width);
  return width < 560 ? column(peers, width) : ring(peers, width, room);
}

/** How many stand in each row above and below the middle, from the outside in, for so many peers. */
const ROWS = [
  [[], []],
  [[1], []],
  [[1], [1]],
  [[1], [2]],
  [[2], [2]],
  [[2], [1, 2]],
  [
    [1, 2],
    [1, 2],
  ],
];

/** A narrow ring: rows of one or two above and below. */
function column(peers, width) {
  const card = cardSize(width);
  const step = 98;
  const [above, below] = ROWS[peers];
  const y = (row) => card.h / 2 + 4 + row * step;
  const rows = [...above.map((n, at) => [n, y(at)]), ...below.map((n, at) => [n, y(above.length + below.length - at)])];
  const places = rows.flatMap(([n, y]) =>
    Array.from({ length: n }, (_, at) => ({ x: (width * (2 * at + 1)) / (2 * n), y, w: card.w, h: card.h })),
  );
  const centre = { x: width / 2, y: y(above.length), w: card.w, h: card.h };
  return { mode: "ring", width, height: y(above.length + below.length) + card.h / 2 + 8, centre, places };
}

function ring(peers, width, room) {
  const card = cardSize(width);
  const height = Math.min(620, Math.max(380, 300 + peers * 18, room));
  const centre = { x: width / 2, y: height / 2, w: card.w, h: card.h };
  const rx = Math.min(width / 2 - card.w / 2 - 24, 460);
  const ry = Math.min(height / 2 - card.h / 2 - 22, Math.max(150, rx));
  const angles = evenly(peers, rx, ry);
  const places = angles.map((angle) => ({
    x: centre.x + rx * Math.cos(angle),
    y: centre.y + ry * Math.sin(angle),
    w: card.w,
    h: card.h,
  }));
  return { mode: "ring", width, height, centre, places };
}

/**
 * Angles that cut an ellipse into arcs of the same length, so that cards keep their distance. An
 * odd number begins above, an even one stands beside the axis.
 */
function evenly(parts, rx, ry) {
  const first = -Math.PI / 2;
  const shift = parts % 2 ? 0 : 0.5;
  const steps = 720;
  const along = [0];
  for (let at = 1; at <= steps; at++) {
    const a = first + (2 * Math.PI * (at - 0.5)) / steps;
    along.push(along[at - 1] + Math.hypot(rx * Math.sin(a), ry * Math.cos(a)));
  }
  const whole = along[steps];
  let at = 0;
  return Array.from({ length: parts }, (_, part) => {
    const wanted = (whole * (part + shift)) / parts;
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
  const top = 108;
  const places = Array.from({ length: peers }, (_, at) => ({
    x: (at % columns) * (w + gap) + w / 2,
    y: top + Math.floor(at / columns) * (h + gap) + h / 2,
    w,
    h,
  }));
  return {
    mode: "grid",
    width,
    height: top + Math.ceil(peers / columns) * (h + gap),
    centre: { x: width / 2, y: 46, w: 190, h: 54 },
    places,
  };
}

/** Where a line from the middle of one card to another leaves the first. */
export function edge(from, to, space = 5) {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  if (!dx && !dy) return { x: from.x, y: from.y };
  const scale = Math.min((from.w / 2 + space) / Math.abs(dx || 1e-9), (from.h / 2 + space) / Math.abs(dy || 1e-9));
  return { x: from.x + dx * Math.min(scale, 1), y: from.y + dy * Math.min(scale, 1) };
}
