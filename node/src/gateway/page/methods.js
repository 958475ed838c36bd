// The view of the methods: what each peer enables, what it means, and a form to call it.

import { methodsOf, answering } from "./catalog.js";
import { el, fill, testid } from "./dom.js";
import { methodForm } from "./form.js";
import { many } from "./format.js";
import { jsonView } from "./json.js";
import { roving } from "./keys.js";
import { node } from "./node.js";
import { refusalView } from "./outcome.js";
import { address, go } from "./router.js";
import { fieldsOf, typeWords } from "./schema.js";
import { watchBox } from "./watch-box.js";

/** Shows it in `root`. */
export function methodsView(root, query) {
  let wanted = query;
  let peer = null;
  let methods = [];
  let shown = "";
  let leaveMethod = () => {};
  const select = el("select", {
    "aria-label": "At which peer",
    ...testid("peer-choice"),
    on: { change: () => go("methods", { peer: select.value, method: wanted.method }) },
  });
  const summary = el("span.summary", { role: "status" });
  const filter = el("input.search", {
    type: "search",
    placeholder: "Find a method",
    "aria-label": "Find a method",
    "data-filter": "",
    on: { input: () => drawList() },
  });
  const list = el("nav.method-list", { "aria-label": "Methods" });
  const page = el("div.method-page");
  const refresh = roving(list, "a");
  fill(
    root,
    el("div.view-head", {}, el("h1", {}, "Methods"), el("label.at-peer", {}, el("span", {}, "at"), select), summary),
    el("div.methods-grid", {}, el("div.method-side", {}, filter, list), page),
  );

  const drawPeers = () => {
    const names = answering();
    if (peer && !names.includes(peer)) names.push(peer);
    if (select.dataset.names === JSON.stringify(names)) return;
    select.dataset.names = JSON.stringify(names);
    fill(
      select,
      names.map((name) => el("option", { value: name }, name)),
    );
    if (peer) select.value = peer;
  };
  const use = async (next) => {
    peer = next;
    shown = "";
    drawPeers();
    if (!peer)
      return fill(
        page,
        el(
          "div.empty-state",
          {},
          el("h2", {}, "Nobody answers here"),
          el("p", {}, "This node answers no requests itself, and has no session with a peer that does. One that connects appears here."),
        ),
      );
    select.value = peer;
    fill(list, el("p.empty-small", {}, "Reading…"));
    try {
      methods = await methodsOf(peer);
      if (peer !== next) return;
      fill(summary, many(methods.length, "method"));
      drawList();
      drawPage();
    } catch (error) {
      if (peer !== next) return;
      methods = [];
      fill(list);
      fill(summary);
      fill(page, refusalView(error));
    }
  };
  const drawList = () => {
    const word = filter.value.trim().toLowerCase();
    const found = methods.filter(({ name, about }) => `${name} ${about}`.toLowerCase().includes(word));
    fill(
      list,
      found.length
        ? [...grouped(found)].map(([service, some]) => el("section", {}, el("h2", {}, service), some.map(entry)))
        : el("p.empty-small", {}, "No method fits."),
    );
    refresh();
  };
  const entry = (method) =>
    el(
      "a",
      {
        href: address("methods", { peer, method: method.name }),
        "aria-current": method.name === wanted.method ? "true" : null,
        ...testid(`method-${method.name}`),
      },
      el("span", {}, method.name.split(".").slice(1).join(".") || method.name),
      el(`span.effect.effect-${method.effect}`, {}, method.effect),
    );
  const drawPage = () => {
    const method = methods.find(({ name }) => name === wanted.method);
    const now = `${peer} ${wanted.method}`;
    if (now === shown) return;
    shown = now;
    leaveMethod();
    leaveMethod = () => {};
    root.classList.toggle("has-method", Boolean(method));
    if (!method) {
      return fill(
        page,
        wanted.method ? el("p.note.tone-refused", {}, `${peer} does not enable ${wanted.method}.`) : null,
        overview(peer, methods),
      );
    }
    const watch = method.topics.length ? watchBox({ peer, method }) : null;
    leaveMethod = () => watch?.close();
    fill(
      page,
      drawn(() => methodPage(peer, method, watch)),
      el("p.back", {}, el("a", { href: address("methods", { peer }) }, "All methods")),
    );
  };

  const choose = () => {
    const next = wanted.peer || (answering().includes(peer) ? peer : answering()[0]) || null;
    if (next !== peer || !peer) return use(next);
    drawList();
    drawPage();
  };
  const stop = node.follow(({ status }) => {
    if (!status) return;
    drawPeers();
    if (!peer && answering().length) choose();
  });
  if (!peer) choose();
  return {
    update: (next) => {
      wanted = next;
      choose();
    },
    reload: () => methods.length || use(peer),
    leave: () => {
      stop();
      leaveMethod();
    },
  };
}

/** What was drawn, or why it could not be: one odd method spoils no other. */
function drawn(act) {
  try {
    return act();
  } catch (error) {
    return refusalView(error);
  }
}

function methodPage(peer, method, watch) {
  const example = method.example ?? {};
  return [
    el(
      "header.method-head",
      {},
      el("h2.mono", {}, method.name),
      el(`span.effect.effect-${method.effect}`, {}, method.effect),
      el("p.about", {}, method.about),
    ),
    el(
      "div.method-columns",
      {},
      el(
        "section.card-box",
        { "aria-label": "Call it" },
        el("h3", {}, "Call it"),
        watch ? watch.node : methodForm({ peer, method, values: example, submit: `Call ${peer}`, json: true }).node,
      ),
      el(
        "div.method-about",
        {},
        section("Params", schemaTable(method.params)),
        section("Result", schemaTable(method.result)),
        method.topics?.length
          ? section(
              "Topics",
              el(
                "ul.topics.mono",
                {},
                method.topics.map((topic) => el("li", {}, topic)),
              ),
            )
          : null,
        section("Example", jsonView(example)),
        el(
          "details.card-box",
          {},
          el("summary", {}, "Schemas as JSON"),
          jsonView(method.said),
        ),
      ),
    ),
  ];
}

/** What a peer enables, in one look. */
function overview(peer, methods) {
  const line = (method) =>
    el(
      "div",
      {},
      el("dt", {}, el("a.mono", { href: address("methods", { peer, method: method.name }) }, method.name)),
      el("dd", {}, method.about),
      el(`dd.effect.effect-${method.effect}`, {}, method.effect),
    );
  return el(
    "div.overview",
    {},
    [...grouped(methods)].map(([service, some]) =>
      el("section.card-box", { "aria-label": service }, el("h3", {}, service), el("dl", {}, some.map(line))),
    ),
  );
}

function section(name, content) {
  return el("section.card-box", { "aria-label": name }, el("h3", {}, name), content);
}

function schemaTable(schema) {
  const fields = fieldsOf(schema, schema);
  if (!fields.length) return el("p.hint", {}, "No fields.");
  return el(
    "dl.schema",
    {},
    fields.map(({ name, schema: field, required }) =>
      el(
        "div",
        {},
        el("dt", {}, el("code", {}, name), required ? el("span.required", {}, "required") : null),
        el(
          "dd",
          {},
          el("span.type", {}, typeWords(field, schema)),
          field.description ? el("span", {}, field.description) : null,
        ),
      ),
    ),
  );
}

/** Methods by their service, in the order in which they came. */
function grouped(methods) {
  const groups = new Map();
  for (const method of methods) {
    const [service] = method.name.split(".");
    groups.set(service, [...(groups.get(service) ?? []), method]);
  }
  return groups;
}
