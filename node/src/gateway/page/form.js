// A form that calls one method of one peer. It sends what was typed and shows what was answered.

import { call, newKey, Problem } from "./api.js";
import { el, fill, testid } from "./dom.js";
import { objectFields } from "./fields.js";
import { refusalView, resultView } from "./outcome.js";
import { parseExact } from "./json.js";
import { say } from "./said.js";
import { brief } from "./format.js";

/**
 * `method` is as the peer describes it; `values` fills fields in; `suggest` as `objectFields`;
 * `submit` is the word on the button; `json` says whether the params can be edited as JSON, too.
 * `onResult(result)` is called after a success; the form is emptied where `empties` is set.
 */
export function methodForm({
  peer,
  method,
  values = {},
  suggest,
  submit = verb(method.name),
  danger = false,
  json = false,
  empties = false,
  onResult = () => {},
}) {
  const once = keyKeeper(method.effect === "writes");
  const out = el("div.outcome-place", { "aria-live": "polite" });
  const button = el(danger ? "button.danger" : "button.primary", { type: "submit" }, submit);
  const keyNote = el("span.key-note.mono");
  const place = el("div.fields");
  let fields = null;
  let raw = null;

  const asFields = (given) => {
    raw = null;
    fields = objectFields(method.params ?? {}, { values: given, suggest });
    fill(place, fields.node.length ? fields.node : el("p.hint", {}, "This method takes no params."));
  };
  const asJson = (given) => {
    fields = null;
    raw = el("textarea.mono.raw", {
      rows: 10,
      spellcheck: "false",
      "aria-label": "Params as JSON",
      "data-testid": "raw",
      value: JSON.stringify(given, null, 2),
    });
    fill(place, raw);
  };
  asFields(values);

  const send = async (event) => {
    event.preventDefault();
    if (form.ariaBusy === "true") return;
    const params = raw ? raw.value : JSON.stringify(fields.read());
    const key = once.keyFor(params);
    fill(keyNote, key ? `key ${brief(key)}…` : "");
    keyNote.title = key ? `Idempotency-Key ${key}` : "";
    unmark(form);
    form.ariaBusy = "true";
    try {
      const answered = await call(peer, method.name, params, { key });
      once.done();
      fill(out, resultView(answered, { open: json }));
      say(`${method.name}: ok`);
      if (empties && !json) asFields(values);
      onResult(answered.result);
    } catch (error) {
      fill(out, refusalView(error, { write: method.effect === "writes" }));
      say(`${method.name}: ${error instanceof Problem ? error.code : "no answer"}. ${error.message}`);
      if (error.field && fields) mark(fields.paths(), error);
    } finally {
      form.ariaBusy = "false";
    }
  };
  const form = el(
    "form.form",
    { novalidate: true, ...testid(`form-${method.name}`), "aria-label": method.name, on: { submit: send } },
    json ? modes({ asFields, asJson, read: () => (raw ? parsedOr(raw.value, values) : fields.read()) }) : null,
    place,
    el("div.form-foot", {}, button, keyNote),
    out,
  );
  return {
    node: form,
    input: (name) => place.querySelector(`[data-path^="${CSS.escape(name)}"]`),
    button,
  };
}

/** A method's verb as a word on a button. */
export function verb(name) {
  const word = name.split(".").at(-1).replaceAll("_", " ");
  if (!word) return name;
  return word[0].toUpperCase() + word.slice(1);
}

/** A key for each different write; the same write, sent again by the person, keeps its own. */
function keyKeeper(writes) {
  let kept = null;
  return {
    keyFor(params) {
      if (!writes) return null;
      if (kept?.params !== params) kept = { params, key: newKey() };
      return kept.key;
    },
    done() {
      kept = null;
    },
  };
}

function modes({ asFields, asJson, read }) {
  const option = (name, act, pressed) =>
    el(
      "button",
      {
        type: "button",
        "aria-pressed": String(pressed),
        on: {
          click: (event) => {
            const one = event.currentTarget;
            if (one.getAttribute("aria-pressed") === "true") return;
            for (const other of one.parentNode.children) other.setAttribute("aria-pressed", String(other === one));
            act(read());
          },
        },
      },
      name,
    );
  return el(
    "div.segments",
    { role: "group", "aria-label": "How to write the params" },
    option("Form", asFields, true),
    option("JSON", asJson, false),
  );
}

function parsedOr(text, otherwise) {
  try {
    return parseExact(text);
  } catch {
    return otherwise;
  }
}

/** Marks the field that a refusal names, or the one it lies within. */
function mark(paths, error) {
  const all = new Map(paths);
  let path = error.field;
  while (path && !all.has(path)) path = path.replace(/(\.?[^.[\]]+|\[\d+\])$/, "");
  const found = all.get(path);
  if (!found) return;
  found.node.classList.add("wrong");
  fill(found.error, error.message);
  found.input?.setAttribute("aria-invalid", "true");
  (found.input ?? found.node.querySelector("input, select, textarea, button"))?.focus();
}

function unmark(form) {
  for (const node of form.querySelectorAll(".wrong")) node.classList.remove("wrong");
  for (const node of form.querySelectorAll("[aria-invalid]")) node.removeAttribute("aria-invalid");
  for (const node of form.querySelectorAll(".field-error")) node.replaceChildren();
}
