// Small line drawings, 20 × 20, drawn in the text's colour.

import { svg } from "./dom.js";

const PATHS = {
  network: [
    "M10 3.5a2 2 0 1 1 0 4 2 2 0 0 1 0-4Z",
    "M4.5 12.5a2 2 0 1 1 0 4 2 2 0 0 1 0-4Z",
    "M15.5 12.5a2 2 0 1 1 0 4 2 2 0 0 1 0-4Z",
    "M9 7.3 5.6 12.7M11 7.3l3.4 5.4M6.5 14.5h7",
  ],
  exchange: ["M5 3v14M15 3v14", "M5.5 7.5h8.5M11.5 5l2.7 2.5L11.5 10", "M14.5 13H6M8.5 10.8 5.8 13l2.7 2.2"],
  people: ["M10 3.5a3 3 0 1 1 0 6 3 3 0 0 1 0-6Z", "M4 16.5c.4-3.2 2.7-4.8 6-4.800s5.6 1.6 6 4.8"],
  messages: ["M3.5 4.500h13v9.500h-7L6 16.800V14H3.500Z", "M6.5 8h7M6.5 10.800h4.5"],
  orders: ["M3.5 6.5 10 3.300l6.5 3.200v7L10 16.700l-6.5-3.200Z", "M3.7 6.6 10 9.800l6.3-3.200M10 9.800v6.7"],
  methods: ["M7.3 4.5 3 10l4.3 5.500M12.7 4.5 17 10l-4.3 5.5"],
  theme: ["M10 3.500a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13Z"],
  keys: ["M7.6 7.400a2.4 2.4 0 1 1 3.5 2.200c-.8.4-1.1.9-1.1 1.7", "M10 14.200v.1"],
  leave: ["M8 3.500H4.500v13H8", "M12.500 6.500 16 10l-3.500 3.500M16 10H8"],
  close: ["M5 5l10 10M15 5 5 15"],
  more: ["M10 4v12M4 10h12"],
};

/** The drawing of a name; it says nothing to screen readers, the text beside it does. */
export function icon(name) {
  const picture = svg("svg.icon", { viewBox: "0 0 20 20", "aria-hidden": "true" });
  picture.append(...(PATHS[name] ?? []).map((d) => svg("path", { d })));
  if (name === "theme") picture.append(svg("path.half", { d: "M10 3.500a6.5 6.5 0 0 1 0 13Z" }));
  return picture;
}

/** The shape of a role: a square answers, a circle asks, a diamond does both. */
export function roleShape(role, x, y, size = 9) {
  if (role === "server")
    return svg("rect.shape", { x: x - size * 0.8, y: y - size * 0.8, width: size * 1.6, height: size * 1.6, rx: 2.5 });
  if (role !== "client" && role !== "peer") return svg("circle.shape.unknown-role", { cx: x, cy: y, r: size * 0.7 });
  if (role === "client") return svg("circle.shape", { cx: x, cy: y, r: size * 0.86 });
  const s = size * 1.08;
  return svg("path.shape", { d: `M${x} ${y - s}L${x + s} ${y}L${x} ${y + s}L${x - s} ${y}Z` });
}

/** The shape of a role within text. */
export function roleIcon(role) {
  return svg("svg.role-icon", { viewBox: "0 0 20 20", "aria-hidden": "true" }, roleShape(role, 10, 10, 8));
}
