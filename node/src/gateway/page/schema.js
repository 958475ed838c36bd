// JSON Schema (2020-12) as the node writes it, read for two purposes: to make a form, and to tell a
// person what a field is. It judges nothing: that is for whoever answers the request.

/** The schema itself: references within the document followed, `null` beside a type left out. */
export function resolved(schema, root) {
  let now = schema === true || !schema ? {} : schema;
  for (let step = 0; step < 16; step++) {
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
    at = at?.[decodeURIComponent(word).replaceAll("~1", "/").replaceAll("~0", "~")];
  }
  return at ?? {};
}

/** The words that a text may be, with what each means, where the schema lists them. */
export function choicesOf(schema) {
  if (schema.enum) return schema.enum.filter((value) => value !== null).map((value) => ({ value }));
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

/** The fields of an object's schema, in its order: `{name, schema, required}`. */
export function fieldsOf(schema, root) {
  const object = resolved(schema, root);
  const required = new Set(object.required ?? []);
  return Object.entries(object.properties ?? {}).map(([name, field]) => ({
    name,
    schema: resolved(field, root),
    required: required.has(name),
  }));
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

/** A type in words: `text, 1–64 characters`. */
export function typeWords(schema, root) {
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
    return `list of ${typeWords(resolved(schema.items, root), root)}${range(schema.minItems, schema.maxItems, " of them")}`;
  if (kind === "object") return schema.title ?? "object";
  return schema.type ?? "any JSON";
}
