// The view of the people in a directory.

import { el } from "./dom.js";
import { visible } from "./visible.js";
import { serviceView } from "./service.js";

const KIND = {
  service: "people",
  title: "People",
  one: "person",
  row: "person-row",
  columns: [
    {
      name: "Name",
      main: true,
      show: (person) =>
        el(
          "span.person",
          {},
          el("span.avatar", { "aria-hidden": "true" }, initial(person.name)),
          el("span", {}, person.name),
        ),
    },
    { name: "Title", show: (person) => person.title ?? el("span.dim", {}, "–") },
    { name: "Created by", show: (person) => person.created_by ?? el("span.dim", {}, "–") },
    { name: "Revision", num: true, show: (person) => String(person.revision) },
  ],
};

function initial(name) {
  const [first = ""] = [...String(name ?? "")];
  return visible(first) === first ? first : "·";
}

/** Shows it in `root`. */
export function peopleView(root, query) {
  return serviceView(root, query, KIND);
}
