// JSON Schema (2020-12) as the node writes it, read for two purposes: to make a form, and to tell a
// person what a field is. It judges nothing: that is for whoever answers the request.

const DEEPEST = 32;
const NAMED = new Set(["properties", "$defs", "definitions"]);
const LISTS = new Set(["allOf", "anyOf", "oneOf"]);
const TEXTS = new Set(["$ref", "title", "description", "format", "pattern"]);
const NUMBERS = new Set(["minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum"]);

/** A schema of which all that is read here has its right form: what has not, is left out. */
export function tidied(schema, depth = 0) {
  if (!isObject(schema) || depth > DEEPEST) return {};
  const inner = (one) => tidied(one, depth + 1);
  const fits = ([name, value]) => {
    if (NAMED.has(name)) return isObject(value);
    if (LISTS.has(name) || name === "enum" || name === "required") return Array.isArray(value);
    if (TEXTS.has(name)) return typeof value === "string";
    if (NUMBERS.has(name)) return typeof value === "number" || typeof value === "string";
    if (name === "items") return value === true || isObject(value);
    if (name === "type") return typeof value === "string" || Array.isArray(value);
    return true;
  };
  const form = ([name, value]) => {
    if (NAMED.has(name)) return [name, Object.fromEntries(Object.entries(value).map(([key, one]) => [key, inner(one)]))];
    if (LISTS.has(name)) return [name, value.map(inner)];
    return [name, name === "items" ? inner(value) : value];
  };
  return Object.fromEntries(Object.entries(schema).filter(fits).map(form));
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * The schema itself: references within the document followed, `null` beside a type left out. The
 * references that it came by are added to `met`.
 */
export function resolved(schema, root, met = new Set()) {
  let now = schema === true || !schema ? {} : schema;
  for (let step = 0; step < 16; step++) {
    if (now.$ref !== undefined) met.add(now.$ref);
    const next = once(now, root);
    if (next === now) return now;
    now = next;
  }
  return now;
}

function once(schema, root) {
  const { $ref, allOf, anyOf, oneOf, ...own } = schema;
  if ($ref) return { ...pointed($ref, root), ...own };
  if (allOf?.length === 1) return { ...allOf[0], ...own };
  const choices = anyOf ?? oneOf;
  const real = choices?.filter((choice) => choice?.type !== "null");
  if (real?.length === 1) return { ...own, ...real[0], ...described(own) };
  if (choices && real.length < choices.length) return { ...own, oneOf: real };
  if (Array.isArray(schema.type)) {
    const types = schema.type.filter((type) => type !== "null");
    return { ...schema, type: types.length === 1 ? types[0] : undefined };
  }
  return schema;
}

function described({ description, title }) {
  return { ...(title && { title }), ...(description && { description }) };
}

function pointed(ref, root) {
  if (!ref.startsWith("#")) return {};
  let at = root;
  for (const word of ref.slice(1).split("/").filter(Boolean)) {
    const name = unescaped(word).replaceAll("~1", "/").replaceAll("~0", "~");
    at = typeof at === "object" && at !== null && Object.hasOwn(at, name) ? at[name] : undefined;
  }
  return isObject(at) ? at : {};
}

function unescaped(word) {
  try {
    return decodeURIComponent(word);
  } catch {
    return word;
  }
}

/** The words that a text may be, with what each means, where the schema lists them. */
export function choicesOf(schema) {
  if (schema.enum?.length) return schema.enum.filter((value) => value !== null).map((value) => ({ value }));
  const listed = schema.oneOf ?? schema.anyOf;
  if (!listed?.length) return null;
  const all = listed.flatMap((one) =>
    one.const !== undefined
      ? [{ value: one.const, about: one.description }]
      : one.enum
        ? one.enum.map((value) => ({ value }))
        : [undefined],
  );
  return all.includes(undefined) ? null : all;
}

/** The fields of an object's schema, in its order: `{name, schema, required, met}`; `met` as of `resolved`. */
export function fieldsOf(schema, root) {
  const object = resolved(schema, root);
  const required = new Set(object.required ?? []);
  return Object.entries(object.properties ?? {}).map(([name, field]) => {
    const met = new Set();
    return { name, schema: resolved(field, root, met), required: required.has(name), met };
  });
}

/** What kind of input suits. */
export function kindOf(schema, root) {
  if (choicesOf(schema)) return "choice";
  switch (schema.type) {
    case "boolean":
      return "boolean";
    case "integer":
    case "number":
      return "number";
    case "string":
      return (schema.maxLength ?? 0) > 300 ? "long" : "text";
    case "array":
      return schema.items ? "list" : "json";
    case "object":
      return Object.keys(resolved(schema, root).properties ?? {}).length ? "object" : "json";
    default:
      return "json";
  }
}

/** A type in words: `text, 1–64 characters`. Lists of lists are told some levels deep. */
export function typeWords(schema, root, depth = 0) {
  const { minLength: low, maxLength: high, minimum, maximum, format, pattern } = schema;
  const kind = kindOf(schema, root);
  const range = (from, to, unit) => {
    if (from === undefined && to === undefined) return "";
    const span = from === undefined ? `up to ${to}` : to === undefined ? `${from} or more` : `${from}–${to}`;
    return `, ${span}${unit}`;
  };
  if (kind === "choice")
    return choicesOf(schema)
      .map(({ value }) => String(value))
      .join(" | ");
  if (kind === "text" || kind === "long")
    return `text${format ? ` (${format})` : ""}${range(low, high, " characters")}${pattern ? `, like ${pattern}` : ""}`;
  if (kind === "number") return `${schema.type}${range(minimum, maximum, "")}`;
  if (kind === "list")
    return `list of ${depth > 3 ? "…" : typeWords(resolved(schema.items, root), root, depth + 1)}${range(schema.minItems, schema.maxItems, " of them")}`;
  if (kind === "object") return schema.title ?? "object";
  return typeof schema.type === "string" ? schema.type : "any JSON";
}
