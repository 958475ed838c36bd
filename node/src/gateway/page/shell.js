// What stands around each view: the node's name and state, the ways to the views, the banner.

import { el, fill, testid } from "./dom.js";
import { when } from "./format.js";
import { icon, roleIcon } from "./icons.js";
import { showKeys } from "./keys.js";
import { leave, node, retryNow } from "./node.js";
import { VIEWS, address } from "./router.js";
import { say } from "./said.js";
import { kept } from "./store.js";
import { visible } from "./visible.js";

const STATES = { starting: "connecting", live: "live", lost: "lost", access: "no access" };
const BACK_MS = 5_000;

/** Draws the top bar and keeps it and the banner true. */
export function drawShell() {
  const name = el("span.node-name", testid("node-name"), "…");
  const role = el("span.role-badge");
  const state = el("span.state", { ...testid("state"), role: "status" });
  const nav = el("nav.nav", { "aria-label": "Views" }, VIEWS.map(link));
  fill(
    document.getElementById("top"),
    el("div.who", {}, logo(), name, role, state),
    nav,
    el(
      "div.tools",
      {},
      el(
        "button.icon-button",
        { type: "button", "aria-label": "Light or dark", title: "Light or dark", on: { click: turnTheme } },
        icon("theme"),
      ),
      el(
        "button.icon-button.wide-only",
        { type: "button", "aria-label": "Keys", title: "Keys (?)", on: { click: showKeys } },
        icon("keys"),
      ),
      el(
        "button.icon-button.while-in",
        {
          type: "button",
          "aria-label": "Leave",
          title: "Leave: this browser needs a fresh link to come back",
          ...testid("leave"),
          on: { click: leave },
        },
        icon("leave"),
      ),
    ),
  );
  node.follow(({ phase, status }) => {
    document.body.dataset.phase = phase;
    state.className = `state state-${phase}`;
    if (state.dataset.phase !== phase) fill(state, el("span.dot"), STATES[phase]);
    state.dataset.phase = phase;
    if (!status) return;
    document.title = `${visible(status.name)} · bothways`;
    if (name.dataset.name !== status.name) fill(name, status.name).dataset.name = status.name;
    if (role.dataset.role !== status.role)
      fill(role, roleIcon(status.role), status.role ?? "").dataset.role = status.role;
  });
  keepBanner();
}

/** Marks the view that is shown. */
export function markView(view) {
  for (const a of document.querySelectorAll(".nav a")) {
    if (a.dataset.view === view) a.setAttribute("aria-current", "page");
    else a.removeAttribute("aria-current");
  }
}

function link(view) {
  return el(
    "a",
    { href: address(view), "data-view": view, ...testid(`nav-${view}`) },
    icon(view),
    el("span", {}, view[0].toUpperCase() + view.slice(1)),
  );
}

function logo() {
  return el("img.logo", { src: "/assets/icon.svg", alt: "", width: 22, height: 22 });
}

function turnTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  kept.set("bothways.theme", root.dataset.theme);
  say(`${root.dataset.theme} colours`);
}

function keepBanner() {
  const place = document.getElementById("banner");
  let counting = null;
  let hiding = null;
  node.follow((now, before) => {
    if (now.phase === "lost" && (before.phase !== "lost" || before.problem?.message !== now.problem?.message)) {
      clearTimeout(hiding);
      // What counts down each second is not read aloud.
      const wait = el("span.num", { "aria-hidden": "true" });
      const since = now.seenAt ? `What you see is from ${when(now.seenAt)}. ` : "";
      fill(
        place,
        el(
          "div.banner.banner-lost",
          testid("banner-lost"),
          el("strong", {}, now.problem ? now.problem.message : `Lost ${now.status?.name ?? "the node"}.`),
          el("span", {}, since, el("span.unseen", {}, "It is asked again by itself."), wait),
          el("button", { type: "button", on: { click: retryNow } }, "Try now"),
        ),
      );
      const tick = () => {
        const { retryAt } = node.get();
        const left = retryAt ? Math.max(0, Math.ceil((retryAt - Date.now()) / 1000)) : 0;
        const text = left ? `Trying again in ${left} s.` : "Trying again…";
        if (wait.textContent !== text) wait.textContent = text;
      };
      clearInterval(counting);
      counting = setInterval(tick, 250);
      tick();
    }
    if (now.phase === before.phase || now.phase === "lost") return;
    clearInterval(counting);
    if (now.phase === "live" && before.phase === "lost") {
      const what = now.restarted ? "is back: it was started again" : "is back";
      fill(
        place,
        el(
          "div.banner.banner-back",
          testid("banner-back"),
          el("strong", {}, `${now.status?.name ?? "The node"} ${what}.`),
        ),
      );
      hiding = setTimeout(() => fill(place), BACK_MS);
    } else if (before.phase === "lost") fill(place);
  });
}
