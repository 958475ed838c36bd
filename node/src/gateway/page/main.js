// Where the page begins: lets the browser in, follows the node, shows the view of the address.

import { open } from "./api.js";
import { accessScreen, takeToken } from "./access.js";
import * as catalog from "./catalog.js";
import { el, fill } from "./dom.js";
import { exchangeView } from "./exchange.js";
import { listen } from "./keys.js";
import { messagesView } from "./messages.js";
import { methodsView } from "./methods.js";
import { networkView } from "./network.js";
import { node, start } from "./node.js";
import { ordersView } from "./orders.js";
import { closePanel } from "./panel.js";
import { peopleView } from "./people.js";
import { here } from "./router.js";
import { drawShell, markView } from "./shell.js";

const VIEWS = {
  network: networkView,
  exchange: exchangeView,
  people: peopleView,
  messages: messagesView,
  orders: ordersView,
  methods: methodsView,
};
const main = document.getElementById("main");
let shown = null;

drawShell();
listen();
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
addEventListener("hashchange", () => {
  const token = takeToken();
  if (token) enter(token);
  else if (shown) show();
});
node.follow((now, before) => {
  if (now.phase === "access") return askIn(now.refused);
  if (now.status && !shown) show();
  if (now.epoch !== before.epoch) again();
});
const token = takeToken();
if (token) enter(token);
else {
  waiting();
  start();
}

/** Lets the browser in by a token, then begins. */
async function enter(token) {
  try {
    await open(token);
    leave();
    waiting();
    start();
  } catch (problem) {
    if (problem.status) askIn(problem);
    else start();
  }
}

/** Shows the view of the address, or tells the one that is shown what has changed in it. */
function show() {
  const { view, query } = here();
  if (shown?.view === view) return shown.update?.(query);
  leave();
  fill(main);
  main.dataset.view = view;
  shown = { view };
  Object.assign(shown, VIEWS[view](main, query));
  markView(view);
  main.scrollTop = 0;
  scrollTo(0, 0);
}

/** The node is back: what was read before may be old. */
function again() {
  catalog.forget();
  shown?.reload?.();
}

function leave() {
  closePanel(false);
  shown?.leave?.();
  shown = null;
}

function askIn(problem) {
  leave();
  main.dataset.view = "access";
  fill(
    main,
    accessScreen({
      problem,
      onOpen: () => {
        waiting();
        start();
      },
    }),
  );
}

function waiting() {
  main.dataset.view = "waiting";
  fill(main, el("p.empty", {}, "Asking the node…"));
}
