// Where the page begins: lets the browser in, follows the node, shows the view of the address.

import { Problem, onLetIn, open, wasLetIn } from "./api.js";
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
const TOKEN_FIRST_MS = 500;
const TOKEN_LONGEST_MS = 8_000;
let shown = null;
let linkRefused = null;

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
  if (now.phase === "access") return before.phase === "access" ? undefined : askIn(now.refused);
  if (now.phase === "live") linkRefused = null;
  if (now.status && !shown) show();
  if (now.epoch !== before.epoch) again();
});
onLetIn(() => {
  if (node.get().phase === "access") begin();
});
const token = takeToken();
if (token) enter(token);
else begin();

/** Lets the browser in by a token, then begins. Who was let in before goes on where a link is refused. */
async function enter(token) {
  linkRefused = null;
  if (!shown) waiting();
  for (let wait = TOKEN_FIRST_MS; ; wait = Math.min(wait * 2, TOKEN_LONGEST_MS)) {
    try {
      await open(token);
      return begin();
    } catch (problem) {
      if (problem instanceof Problem && problem.status < 500 && problem.status !== 429) {
        linkRefused = problem;
        return wasLetIn() && problem.status === 401 ? begin() : askIn(problem);
      }
      // The link is still good: it is tried again until the node is there.
      if (!shown) waiting(`${problem.message}: the link is tried again…`);
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

function begin() {
  leave();
  waiting();
  start();
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

function askIn(refused) {
  const problem = linkRefused ?? refused;
  const used = linkRefused?.status === 401;
  linkRefused = null;
  leave();
  main.dataset.view = "access";
  fill(
    main,
    accessScreen({
      problem,
      used,
      onOpen: begin,
    }),
  );
}

function waiting(words = "Asking the node…") {
  main.dataset.view = "waiting";
  fill(main, el("p.empty", { role: "status" }, words));
}
