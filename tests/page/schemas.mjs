// Methods whose schemas are odd, recursive, huge or no schemas at all: a peer may say anything.

import { check, same, until, view } from "./harness.mjs";

const object = (properties, more = {}) => ({ type: "object", properties, ...more });
const many = (count, letter, each) =>
  Object.fromEntries(Array.from({ length: count }, (_, nth) => [`${letter}${nth}`, each]));
const deep = JSON.parse(`${'{"type":"array","items":'.repeat(300)}{}${"}".repeat(300)}`);

const METHODS = [
  { name: "x.self", params: { $ref: "#" } },
  {
    name: "x.tree",
    params: object(
      { child: { $ref: "#" }, kids: { type: "array", items: { $ref: "#" } } },
      { required: ["kids", "child"] },
    ),
  },
  {
    name: "x.wide",
    params: object(many(40, "f", { $ref: "#/$defs/B" }), {
      $defs: { B: object(many(40, "g", { $ref: "#/$defs/C" })), C: object(many(40, "h", { type: "string" })) },
    }),
  },
  {
    name: "x.odd",
    params: {
      type: ["object", "null"],
      properties: {
        a: true,
        b: null,
        c: { enum: 7 },
        d: { anyOf: 3 },
        e: { anyOf: [null, true] },
        f: { type: 9 },
        g: { $ref: 4 },
        h: { $ref: "#/%zz" },
        i: { allOf: [null] },
        j: { enum: [null] },
        constructor: { type: "string" },
      },
      required: 5,
    },
    example: { a: [1], constructor: "ok", f: { z: 1 } },
  },
  { name: "x.deep", params: deep },
  { name: "x.big", params: object({ n: { type: "integer" }, j: {} }), example: { n: 1 } },
];
const NO_METHODS = [null, 4, { name: 9 }, { name: "." }, { name: "x.", effect: "a b.c" }];

async function a_form_is_made_of_whatever_schema_a_peer_sends(browser) {
  const page = await (await browser()).at("desk");
  const body = JSON.stringify({ methods: [...METHODS, ...NO_METHODS] });
  await page.route("**/v1/methods/hub*", (route) => route.fulfill({ contentType: "application/json", body }));
  for (const { name } of METHODS) {
    await view(page, "methods", `?peer=hub&method=${name}`);
    await page.getByTestId(`form-${name}`).waitFor();
    const inputs = await page.locator("[data-path]").count();
    check(inputs < 3000, `${name} has ${inputs} inputs`);
  }
}

async function numbers_keep_every_digit(browser) {
  const page = await (await browser()).at("desk");
  const body = JSON.stringify({ methods: METHODS });
  await page.route("**/v1/methods/hub*", (route) => route.fulfill({ contentType: "application/json", body }));
  await view(page, "methods", "?peer=hub&method=x.big");
  const form = page.getByTestId("form-x.big");
  await form.locator("[data-path=n]").fill("18446744073709551615");
  await form.locator("[data-path=j]").fill('{"q":9007199254740993}');
  const sent = page.waitForRequest(/x\.big/);
  await form.locator("[type=submit]").first().click();
  same((await sent).postData(), '{"n":18446744073709551615,"j":{"q":9007199254740993}}', "what is asked");
  await until("the hub's refusal", () => form.getByTestId("refusal-detail").count());
}

export const schemas = [a_form_is_made_of_whatever_schema_a_peer_sends, numbers_keep_every_digit];
