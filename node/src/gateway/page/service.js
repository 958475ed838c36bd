// One service at one peer: its records as a table, and what can be done to them as forms. What can
// be done is what the peer's methods say; whether it may be done, the peer answers.

import { answering, methodsOf } from "./catalog.js";
import { arrange, el, fill, testid } from "./dom.js";
import { verb } from "./form.js";
import { count } from "./format.js";
import { icon } from "./icons.js";
import { jsonView } from "./json.js";
import { node } from "./node.js";
import { refusalView } from "./outcome.js";
import { closePanel, openPanel, panelTag } from "./panel.js";
import { peerChoice } from "./peer-choice.js";
import { followRecords, TOLD } from "./records.js";
import { refine } from "./router.js";
import { choicesOf, fieldsOf } from "./schema.js";
import { actionsOf, openAction } from "./service-actions.js";

/** Before the id of the record whose details are open. */
const TAG = "record ";
const STATES = {
  reading: "reading…",
  read: "",
  live: "live",
  waiting: "live updates wait for the peer",
  ended: "no live updates",
  failed: "",
};

/**
 * `kind`: `{service, title, one, row, columns, choice?, accepts?, suggest?, aside?}`. A column is
 * `{name, show(item), num?, main?}`; `choice` names a field of the list's params that is offered as
 * a row of buttons.
 */
export function serviceView(root, query, kind) {
  const listName = `${kind.service}.list`;
  let peer = null;
  let methods = [];
  let records = null;
  let latest = { items: [], state: "reading" };
  let chosen = kind.choice ? (query[kind.choice] ?? "") : "";
  let rows = new Map();

  const choice = peerChoice((next) => use(next));
  const summary = el("span.summary", { role: "status" });
  const creates = el("div.creates");
  const segments = el("div.segments", { role: "group", "aria-label": "Which" });
  const filter = el("input.search", {
    type: "search",
    placeholder: "Find",
    "aria-label": `Find in ${kind.title}`,
    "data-filter": "",
    on: { input: () => draw() },
  });
  const notes = el("div.notes");
  const body = el("tbody");
  const place = el("div.records");
  const aside = el("div.aside");
  const table = el(
    "div.table-place",
    {},
    el(
      "table.table.stacked",
      {},
      el("caption.unseen", {}, kind.title),
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          kind.columns.map((column) => el(column.num ? "th.num" : "th", { scope: "col" }, column.name)),
          el("th", { scope: "col" }, el("span.unseen", {}, "What can be done")),
        ),
      ),
      body,
    ),
  );
  const more = el("button", { type: "button", hidden: true, on: { click: () => records?.more() } }, "Load more");
  fill(
    root,
    el("div.view-head", {}, el("h1", {}, kind.title), choice.node, summary, el("div.head-end", {}, filter, creates)),
    segments,
    notes,
    el(kind.aside ? "div.with-aside" : "div", {}, el("div", {}, place, more), kind.aside ? aside : null),
  );

  const use = async (next) => {
    records?.close();
    records = null;
    peer = next;
    methods = [];
    rows = new Map();
    latest = { items: [], state: peer ? "reading" : "read" };
    more.hidden = true;
    fill(body);
    for (const part of [summary, creates, segments, notes, aside]) fill(part);
    if (panelTag()?.startsWith?.(TAG)) closePanel(false);
    fill(place, el("p.empty", {}, "Reading…"));
    if (!peer)
      return fill(
        place,
        el(
          "div.empty-state",
          {},
          el("h2", {}, `No peer offers ${kind.service}`),
          el("p", {}, `None of the peers that answer here enables ${listName}. One that does, and connects, appears here.`),
        ),
      );
    try {
      const found = await methodsOf(next);
      if (peer !== next) return;
      if (!found.some((method) => method.name === listName)) {
        fill(place);
        return fill(notes, el("p.note.tone-refused", {}, `${next} does not enable ${listName}.`));
      }
      methods = found;
      offerCreates();
      offerChoices();
      kind.aside?.({ place: asidePlace(), peer, methods });
      listNow();
    } catch (error) {
      if (peer !== next) return;
      fill(place);
      fill(notes, refusalView(error));
    }
  };
  // Of its own for each peer: what comes late for a former one is shown nowhere.
  const asidePlace = () => {
    const own = el("div");
    fill(aside, own);
    return own;
  };
  const named = (name) => methods.find((method) => method.name === name);
  const listNow = () => {
    records?.close();
    fill(place, el("p.empty", {}, "Reading…"));
    const params = chosen && kind.choice ? { [kind.choice]: chosen } : {};
    records = followRecords({
      peer,
      service: kind.service,
      list: named(listName),
      params,
      accepts: (item) => !kind.accepts || kind.accepts(item, chosen),
      reaches: kind.reaches,
      onChange: (next) => {
        latest = next;
        draw();
      },
    });
  };
  const actionsHere = () => actionsOf(methods, kind.service);
  const offerCreates = () => {
    const ways = actionsHere().creates;
    fill(
      creates,
      ways.map((method, at) =>
        el(
          "button.primary",
          {
            type: "button",
            "data-new": at === 0,
            ...testid(`new-${method.name}`),
            on: { click: () => openForm(method, null) },
          },
          icon("more"),
          `${verb(method.name)} ${kind.one}`,
        ),
      ),
    );
  };
  const offerChoices = () => {
    const list = named(listName);
    if (!list) return fill(segments);
    const field = fieldsOf(list.params, list.params).find(({ name }) => name === kind.choice);
    const words = field && choicesOf(field.schema);
    if (!words) return fill(segments);
    const given = kind.whole === undefined ? [{ value: "", name: "all" }] : [];
    fill(
      segments,
      [...given, ...words].map(({ value, name = value }) =>
        el(
          "button",
          {
            type: "button",
            "data-value": value,
            "aria-pressed": String((chosen || kind.whole || "") === value),
            on: { click: () => refine({ [kind.choice]: value }) },
          },
          kind.words?.[name] ?? name,
        ),
      ),
    );
  };
  const openForm = (method, item, at = peer) =>
    openAction({ peer: at, method, item, one: kind.one, suggest: kind.suggest?.(at) });
  const openItem = (item) => {
    openPanel({
      title: kind.title === "People" ? (item.name ?? item.id) : `${kind.one} ${item.id.slice(-6)}`,
      content: [actions(item), jsonView(item)],
      tag: `${TAG}${item.id}`,
    });
  };
  // A button is for the peer that it was drawn for, whoever is shown when it is pressed.
  const actions = (item, at = peer) =>
    el(
      "div.actions",
      {},
      actionsHere().changes.map((method) =>
        el(
          "button",
          { type: "button", ...testid(`action-${method.name}`), on: { click: () => openForm(method, item, at) } },
          verb(method.name),
        ),
      ),
    );

  const draw = () => {
    const { items, state, problem, more: further } = latest;
    if (!records || state === "reading") return;
    const wanted = filter.value.trim().toLowerCase();
    const found = wanted ? items.filter((item) => JSON.stringify(item).toLowerCase().includes(wanted)) : items;
    fill(
      summary,
      el(`span.live-mark.live-${state}`, {}, STATES[state]),
      items.length ? `${count(items.length)}${further ? "+" : ""}` : "",
    );
    fill(notes, problem ? refusalView(problem) : null);
    more.hidden = !further;
    if (state === "failed") return fill(place);
    if (!found.length) return fill(place, nothing(items.length > 0));
    const next = new Map();
    for (const item of found) {
      const text = JSON.stringify(item);
      const before = rows.get(item.id);
      next.set(item.id, before?.text === text ? before : { text, node: row(item) });
    }
    rows = next;
    arrange(
      body,
      [...rows.values()].map(({ node }) => node),
    );
    if (!table.isConnected) fill(place, table);
  };
  const row = (item) =>
    el(
      "tr",
      { ...testid(kind.row), "data-id": item.id, class: item[TOLD] ? "told" : "" },
      kind.columns.map((column) => {
        const shown = shownBy(column, item);
        if (column.main)
          return el(
            "th",
            { scope: "row", "data-label": column.name },
            el("button.name-button", { type: "button", on: { click: () => openItem(item) } }, shown),
          );
        return el(column.num ? "td.num" : "td", { "data-label": column.name, class: column.class ?? "" }, shown);
      }),
      el("td.acts", {}, actions(item)),
    );
  // A record that is not as its service says is shown all the same.
  const shownBy = (column, item) => {
    try {
      return column.show(item);
    } catch {
      return el("span.dim", {}, "?");
    }
  };
  const nothing = (filtered) =>
    filtered
      ? el("div.empty-state", {}, el("h2", {}, "Nothing fits"), el("p", {}, "No record here holds that text."))
      : el(
          "div.empty-state",
          testid(`empty-${kind.service}`),
          el("h2", {}, `No ${kind.title.toLowerCase()} here yet`),
          el("p", {}, `What ${peer} has is listed here, and what changes appears by itself.`),
          actionsHere().creates.map((method) =>
            el(
              "button",
              { type: "button", on: { click: () => openForm(method, null) } },
              `${verb(method.name)} ${kind.one}`,
            ),
          ),
        );

  let wantedPeer = query.peer;
  let known = null;
  const stop = node.follow(({ status }) => {
    const names = answering(status).join("\n");
    if (names === known) return;
    known = names;
    if (!peer) choice.seek(listName, wantedPeer);
    else choice.refresh(listName);
  });
  return {
    update: (next) => {
      wantedPeer = next.peer;
      if (next.peer && next.peer !== peer) choice.choose(next.peer);
      const wanted = kind.choice ? (next[kind.choice] ?? "") : "";
      if (wanted !== chosen) {
        chosen = wanted;
        rows = new Map();
        offerChoices();
        if (peer) listNow();
      }
    },
    reload: () => {
      if (!peer) choice.seek(listName, wantedPeer);
      else if (records) records.reload();
      else use(peer);
    },
    leave: () => {
      stop();
      choice.close();
      records?.close();
    },
  };
}
