// Inputs made from a schema. Each field is `{node, read(), paths()}`: `paths` are its inputs by
// their path in the params, such as `lines[2].count`.

import { el, fill } from "./dom.js";
import { icon } from "./icons.js";
import { exact, parseExact, plain } from "./json.js";
import { choicesOf, fieldsOf, kindOf, resolved, typeWords } from "./schema.js";

/** How deep inputs lie within inputs, and how many there are: what is beyond is written as JSON. */
const DEEPEST = 4;
const FIELDS_MAX = 300;
const ITEMS_MAX = 100;
let numbered = 0;

/**
 * The fields of an object. `values` fills them in; `suggest` lists words that may be meant, by the
 * name of a field. `within`: `{depth, met, budget}` of what it lies in.
 */
export function objectFields(
  schema,
  { root = schema, path = "", values = {}, suggest = {}, brief = false, within = outermost() } = {},
) {
  const parts = fieldsOf(schema, root).map((field) => ({
    name: field.name,
    ...labelled(field, {
      root,
      path: path ? `${path}.${field.name}` : field.name,
      value: own(values, field.name),
      suggest,
      brief,
      within,
    }),
  }));
  return {
    node: parts.map((part) => part.node),
    paths: () => parts.flatMap((part) => part.paths()),
    read: () =>
      Object.fromEntries(parts.map((part) => [part.name, part.read()]).filter(([, value]) => value !== undefined)),
  };
}

function outermost() {
  return { depth: 0, met: new Set(["#"]), budget: { left: FIELDS_MAX } };
}

function own(values, name) {
  return typeof values === "object" && values !== null && Object.hasOwn(values, name) ? values[name] : undefined;
}

/** The kind of input that holds the value, too, and comes to an end. */
function kindFor({ schema, met = new Set() }, { root, value, within }) {
  const kind = kindOf(schema, root);
  const holds = typeof value === "object" && value !== null;
  if (kind === "list" || kind === "object") {
    const again = [...met].some((ref) => within.met.has(ref));
    const fits = !holds || Array.isArray(value) === (kind === "list");
    const long = Array.isArray(value) && value.length > ITEMS_MAX;
    return again || !fits || long || within.depth >= DEEPEST || within.budget.left <= 0 ? "json" : kind;
  }
  return holds ? "json" : kind;
}

function labelled(field, given) {
  const { name, schema, required, met = new Set() } = field;
  const id = `field-${++numbered}`;
  given.within.budget.left--;
  const kind = kindFor(field, { ...given, value: plain(given.value) });
  const options = {
    ...given,
    value: plain(given.value),
    within: { ...given.within, depth: given.within.depth + 1, met: new Set([...given.within.met, ...met]) },
  };
  const made = inputs[kind](schema, { ...options, id, name, required });
  const about = options.brief ? null : el("p.hint", { id: `${id}-about` }, schema.description ?? "");
  const type = kind === "list" || kind === "object" ? "" : typeWords(schema, options.root);
  const head = [
    el("span.field-name", {}, name),
    required ? el("span.required", { title: "required" }, "required") : null,
    options.brief ? null : el("span.type", {}, type),
  ];
  const group = kind === "list" || kind === "object";
  const label = group ? el("legend.label", {}, head) : el("label.label", { for: id }, head);
  const error = el("p.field-error", { id: `${id}-error` });
  const node = el(
    group ? "fieldset.field" : "div.field",
    {},
    label,
    about?.textContent ? about : null,
    made.node,
    error,
  );
  made.input?.setAttribute("aria-describedby", `${id}-about ${id}-error`);
  const own = [options.path, { node, error, input: made.input }];
  return { node, paths: () => [own, ...(made.paths?.() ?? [])], read: made.read };
}

/** One maker of inputs for each kind; `read` gives `undefined` for what is left out. */
const inputs = {
  text: (schema, options) => text(el("input", { ...common(options), type: "text" }), options),
  long: (schema, options) => text(el("textarea", { ...common(options), rows: 3 }), options),
  number: (schema, options) => {
    const input = el("input.num", {
      ...common(options),
      type: "text",
      inputmode: schema.type === "integer" ? "numeric" : "decimal",
    });
    const read = () => {
      const given = input.value.trim();
      if (given === "") return undefined;
      if (/^-?(0|[1-9]\d*)$/.test(given)) return exact(given);
      const number = Number(given);
      // What is no number, or too large to be exact here, goes as it was typed.
      return Number.isFinite(number) && (!Number.isInteger(number) || Number.isSafeInteger(number)) ? number : given;
    };
    return { node: input, input, read };
  },
  boolean: (schema, options) => select([{ value: true }, { value: false }], options),
  choice: (schema, options) => select(choicesOf(schema), options),
  json: (schema, options) => {
    const { value } = options;
    const input = el("textarea.mono", {
      ...common(options),
      rows: 4,
      value: value === undefined ? "" : JSON.stringify(value, null, 2),
    });
    const read = () => {
      if (input.value.trim() === "") return undefined;
      try {
        return parseExact(input.value);
      } catch {
        return input.value;
      }
    };
    return { node: input, input, read };
  },
  object: (schema, options) => {
    const inner = objectFields(schema, { ...options, values: options.value ?? {} });
    const read = () => {
      const value = inner.read();
      return options.required || Object.keys(value).length ? value : undefined;
    };
    return { node: el("div.inner", {}, inner.node), read, paths: inner.paths };
  },
  list,
};

function common({ id, name, path, value, suggest }) {
  return {
    id,
    name: path,
    autocomplete: "off",
    spellcheck: "false",
    value: typeof value === "object" ? "" : (value ?? ""),
    "data-path": path,
    list: own(suggest, name)?.length ? `${id}-list` : null,
  };
}

function text(input, { id, name, required, value, suggest }) {
  // An optional text that is emptied was there before: then it is sent, empty.
  const read = () => (input.value === "" && !required && !value ? undefined : input.value);
  const words = own(suggest, name);
  const node = words?.length
    ? [
        input,
        el(
          "datalist",
          { id: `${id}-list` },
          words.map((word) => el("option", { value: word })),
        ),
      ]
    : input;
  return { node, input, read };
}

function select(choices, { id, path, required, value }) {
  const options = choices.map(({ value: one, about }, at) =>
    el("option", { value: at, selected: one === value, title: about }, String(one)),
  );
  const none = !choices.some((choice) => choice.value === value);
  if (!required || none)
    options.unshift(el("option", { value: "", selected: none }, required ? "choose…" : "not given"));
  const input = el("select", { id, name: path, "data-path": path }, options);
  return { node: input, input, read: () => (input.value === "" ? undefined : choices[Number(input.value)].value) };
}

function list(schema, { root, path, value, suggest, required, id, within }) {
  const met = new Set();
  const item = resolved(schema.items, root, met);
  const isAgain = [...met].some((ref) => within.met.has(ref));
  const inner = { ...within, met: new Set([...within.met, ...met]) };
  const rows = [];
  const place = el("div.rows");
  const add = (given, focus = false) => {
    const at = rows.length;
    const row = { fields: null };
    const out = el(
      "button.icon-button",
      { type: "button", "aria-label": `Remove ${at + 1}`, on: { click: () => remove(row) } },
      icon("close"),
    );
    row.build = (at, given) => {
      const where = `${path}[${at}]`;
      row.fields =
        !isAgain && kindFor({ schema: item }, { root, value: plain(given), within }) === "object"
          ? objectFields(item, { root, path: where, values: given ?? {}, suggest, brief: true, within: inner })
          : single(
              labelled(
                { name: String(at + 1), schema: item, required: true, met },
                { root, path: where, value: given, suggest, brief: true, within },
              ),
            );
      row.node = el("div.row", {}, row.fields.node, out);
    };
    row.build(at, given);
    rows.push(row);
    place.append(row.node);
    if (focus) row.node.querySelector("input, select, textarea")?.focus();
  };
  const remove = (gone) => {
    const values = rows.filter((row) => row !== gone).map((row) => row.fields.read());
    rows.length = 0;
    fill(place);
    values.forEach((value) => add(value));
    more.focus();
  };
  const more = el(
    "button.quiet",
    { type: "button", id, on: { click: () => add(undefined, true) } },
    icon("more"),
    "Add",
  );
  // One that lies within itself is not begun by itself.
  const begun = required && within.depth < DEEPEST ? [undefined] : [];
  (Array.isArray(value) ? value : begun).forEach((one) => add(one));
  return {
    node: el("div", {}, place, more),
    read: () => (rows.length || required ? rows.map((row) => row.fields.read()) : undefined),
    paths: () => rows.flatMap((row) => row.fields.paths()),
  };
}

function single(part) {
  return { node: [part.node], paths: part.paths, read: part.read };
}
