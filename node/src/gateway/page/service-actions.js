// What can be done to a service's records: the writes among a peer's methods, each as a form.

import { el } from "./dom.js";
import { methodForm, verb } from "./form.js";
import { openPanel } from "./panel.js";
import { fieldsOf } from "./schema.js";

/** What each service has by convention, to be watched: no action of a person. */
const WATCHING = new Set(["watch", "acknowledge", "durables", "forget"]);
const TAKES = /\.(delete|cancel)/;

/** Fields that are known where a record was chosen: a person has no need to begin there. */
const KNOWN = new Set(["id", "expect"]);

/**
 * `{creates, changes}`: those that need no record, and those that need the id of one. What takes
 * something away stands last, where a hand does not slip to it.
 */
export function actionsOf(methods, service) {
  const writes = methods
    .filter(
      ({ name, effect }) =>
        name.startsWith(`${service}.`) && effect === "writes" && !WATCHING.has(name.split(".").at(-1)),
    )
    .sort((a, b) => TAKES.test(a.name) - TAKES.test(b.name));
  const needsId = (method) =>
    fieldsOf(method.params, method.params).some(({ name, required }) => name === "id" && required);
  return { creates: writes.filter((method) => !needsId(method)), changes: writes.filter(needsId) };
}

/** Opens the form of a method, filled in from a record where one was chosen. */
export function openAction({ peer, method, item, one, suggest }) {
  const fields = fieldsOf(method.params, method.params);
  const values = item
    ? Object.fromEntries(fields.map(({ name }) => [name, name === "expect" ? item.revision : Object.hasOwn(item, name) ? item[name] : undefined]))
    : {};
  const form = methodForm({ peer, method, values, suggest, danger: TAKES.test(method.name), empties: !item });
  const first = fields.find(({ name }) => !item || !KNOWN.has(name));
  openPanel({
    title: `${verb(method.name)} ${one}`,
    tag: method.name,
    content: [el("p.about", {}, method.about), el("p.hint", {}, `${method.name} at ${peer}`), form.node],
    focus: () => (first && form.input(first.name)) || form.button,
  });
}
