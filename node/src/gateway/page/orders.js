// The view of the orders, with the prices of the one who takes them.

import { call } from "./api.js";
import { el, fill, testid } from "./dom.js";
import { day, money, when } from "./format.js";
import { refusalView } from "./outcome.js";
import { serviceView } from "./service.js";
import { stateChip } from "./tone.js";

const items = new Map();

const KIND = {
  service: "orders",
  title: "Orders",
  one: "order",
  row: "order-row",
  choice: "state",
  accepts: (order, state) => !state || order.state === state,
  suggest: (peer) => ({ item: items.get(peer) ?? [] }),
  aside: showPrices,
  columns: [
    { name: "Order", main: true, show: (order) => el("span.lines", {}, lines(order)) },
    { name: "Customer", show: (order) => order.customer },
    { name: "State", show: (order) => stateChip(order.state) },
    { name: "Total", num: true, show: (order) => money(order.total, order.currency) },
    { name: "Placed", num: true, show: (order) => el("span", { title: day(order.placed_ms) }, when(order.placed_ms)) },
  ],
};

/** Shows it in `root`. */
export function ordersView(root, query) {
  return serviceView(root, query, KIND);
}

function lines(order) {
  return (order.lines ?? []).map((line) => `${line.count} × ${line.item}`).join(", ");
}

async function showPrices({ place, peer, methods }) {
  fill(place);
  if (!methods.some((method) => method.name === "orders.prices")) return;
  try {
    const { result } = await call(peer, "orders.prices", {});
    const prices = result.prices ?? [];
    items.set(
      peer,
      prices.map((price) => price.item),
    );
    fill(
      place,
      el(
        "section.card-box",
        { "aria-label": "Prices" },
        el("h2", {}, "Prices"),
        prices.length
          ? el(
              "dl.prices",
              {},
              prices.map((price) =>
                el(
                  "div",
                  testid("price-row"),
                  el("dt", {}, price.item),
                  el("dd.num", {}, money(price.price, result.currency)),
                ),
              ),
            )
          : el("p.hint", {}, `${peer} has no price list.`),
      ),
    );
  } catch (error) {
    fill(place, refusalView(error));
  }
}
