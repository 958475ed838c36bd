// Where the page stands: `#/exchange?peer=hub`. What is in the address can be shared and kept.

export const VIEWS = ["network", "exchange", "people", "messages", "orders", "methods"];

/** The view and its query that the address names. */
export function here() {
  const [path, search = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const query = Object.fromEntries(new URLSearchParams(search));
  return { view: VIEWS.includes(path) ? path : VIEWS[0], query };
}

/** The address of a view: fields without a value are left out. */
export function address(view, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const search = new URLSearchParams(given).toString();
  return `#/${view}${search ? `?${search}` : ""}`;
}

/** Goes to a view. */
export function go(view, query) {
  location.hash = address(view, query);
}

/** Changes some of the query of the view that is shown, without a new step in the history. */
export function refine(changes) {
  const { view, query } = here();
  history.replaceState(null, "", address(view, { ...query, ...changes }));
  dispatchEvent(new Event("hashchange"));
}
