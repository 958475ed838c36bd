// What a person sees and does on a node's page. One sentence per test.

import { attacks } from "./attacks.mjs";
import { call, check, dev, link, runAll, same, shot, until, view } from "./harness.mjs";
import { schemas } from "./schemas.mjs";

async function the_nodes_appear_with_their_roles(browser) {
  const page = await (await browser()).at("desk");
  for (const [name, role] of [["hub", "server"], ["phone", "peer"], ["kiosk", "client"]]) {
    const card = page.getByTestId(`node-card-${name}`);
    await card.filter({ hasText: role }).waitFor();
  }
  check(!(await page.url()).includes("open="), "the link's token stays in the address");
}

async function a_person_is_created_the_request_seen_and_another_browser_told(browser) {
  const desk = await (await browser()).at("desk");
  const phone = await (await browser()).at("phone");
  await view(phone, "people", "?peer=hub");
  await phone.getByText("live", { exact: true }).last().waitFor();

  await view(desk, "people", "?peer=hub");
  await desk.getByTestId("new-people.create").click();
  const form = desk.getByTestId("form-people.create");
  await form.getByLabel("name", { exact: false }).first().fill("Grace Hopper");
  await form.getByRole("button", { name: "Create" }).click();
  await form.getByTestId("result").waitFor();
  await desk.getByTestId("person-row").filter({ hasText: "Grace Hopper" }).waitFor();
  await phone.getByTestId("person-row").filter({ hasText: "Grace Hopper" }).waitFor();

  await view(desk, "exchange", "?method=people.create&peer=hub");
  const arrow = desk.getByTestId("exchange-row").and(desk.locator('[data-method="people.create"][data-code="ok"]'));
  await arrow.first().waitFor();
}

async function a_refusal_is_shown_as_the_server_worded_it(browser) {
  const page = await (await browser()).at("desk");
  await view(page, "people", "?peer=hub");
  await page.getByTestId("new-people.create").click();
  const form = page.getByTestId("form-people.create");
  await form.getByRole("button", { name: "Create" }).click();
  await form.getByLabel("name", { exact: false }).first().fill("x".repeat(200));
  await form.getByRole("button", { name: "Create" }).click();
  const told = form.getByTestId("refusal-detail");
  await told.filter({ hasText: "name: a name has at most 64 characters, this one has 200" }).waitFor();
  check(await form.locator('[aria-invalid="true"]').count(), "the field at fault is not marked");
}

async function a_request_passes_in_the_picture_of_both_ends(browser) {
  const page = await (await browser()).at("desk");
  await call("hub", "people.list", {});
  const { id } = await call("desk", "people.create", { name: "Both Ends" });
  check(id, "an id");
  await view(page, "exchange");
  await page.getByTestId("exchange-row").first().waitFor();
}

async function a_node_that_is_lost_is_missed_and_greeted_when_it_is_back(browser) {
  const page = await (await browser()).at("phone");
  await view(page, "people", "?peer=hub");
  await page.getByTestId("person-row").first().waitFor();
  const nodes = (await dev("ps", "-o", "json")).split("\n").map((line) => JSON.parse(line));
  process.kill(nodes.find(({ name }) => name === "phone").pid, "SIGKILL");
  await page.getByTestId("banner-lost").waitFor();
  check(await page.getByTestId("person-row").first().isVisible(), "what was read is still there");
  await dev("restart", "phone");
  await page.getByTestId("banner-back").waitFor();
  await page.getByTestId("state").filter({ hasText: "live" }).waitFor();
  await call("hub", "people.create", { name: "After the kill" });
  await page.getByTestId("person-row").filter({ hasText: "After the kill" }).waitFor();
}

async function who_has_no_link_is_told_how_to_get_one(browser) {
  const known = await (await browser()).at("desk");
  const place = new URL(known.url()).origin;
  const stranger = await (await browser()).tab();
  await stranger.goto(place);
  const access = stranger.getByTestId("access");
  await access.filter({ hasText: "bothways link" }).waitFor();
  check(!(await stranger.locator("body").innerText()).includes("kiosk"), "a stranger sees the nodes");
}

async function who_leaves_needs_a_fresh_link(browser) {
  const page = await (await browser()).at("desk");
  await page.getByTestId("leave").click();
  await page.getByTestId("access").waitFor();
  await page.reload();
  await page.getByTestId("access").waitFor();
  await page.getByLabel("Link").fill(await link("desk"));
  await page.getByRole("button", { name: "Open" }).click();
  await page.getByTestId("node-card-hub").waitFor();
}

async function a_message_that_is_shown_is_delivered(browser) {
  const page = await (await browser()).at("desk");
  await view(page, "messages", "?peer=hub");
  await page.getByText("live", { exact: true }).last().waitFor();
  const { id } = await call("hub", "messages.send", { to: "desk", text: "Can you see this?" });
  const row = page.getByTestId("message-row").and(page.locator(`[data-id="${id}"]`));
  await row.filter({ hasText: "delivered" }).waitFor();
  await row.getByTestId("action-messages.read").click();
  await page.getByTestId("form-messages.read").getByRole("button", { name: "Read" }).click();
  await row.filter({ hasText: "read" }).waitFor();
}

async function everything_is_reached_by_the_keyboard(browser) {
  const page = await (await browser()).at("desk");
  await page.keyboard.press("Tab");
  same(await page.evaluate(() => document.activeElement.id), "skip", "the first stop");
  await page.getByTestId("nav-people").focus();
  await page.keyboard.press("Enter");
  await page.locator("main h1", { hasText: "People" }).waitFor();
  await page.getByTestId("new-people.create").first().focus();
  await page.keyboard.press("Enter");
  await page.getByTestId("panel").waitFor();
  await page.keyboard.type("Key Board");
  await page.keyboard.press("Enter");
  await page.getByTestId("result").waitFor();
  await page.keyboard.press("Escape");
  await until("the panel is closed", async () => !(await page.getByTestId("panel").count()));
}

async function many_tabs_share_two_streams_and_another_takes_over(browser) {
  const one = await browser();
  const streams = [];
  one.context.on("request", (request) => /live/.test(request.url()) && streams.push(request.url()));
  const tabs = [];
  for (let nth = 0; nth < 8; nth++) {
    tabs.push(await one.at("desk"));
    await view(tabs[nth], nth % 2 ? "exchange" : "network");
    await tabs[nth].getByTestId(nth % 2 ? "exchange-row" : "node-card-hub").first().waitFor();
  }
  same(streams.length, 2, "streams of eight tabs");
  await tabs[0].close();
  await until("another tab asks", () => streams.length === 4);
  const { id } = await call("desk", "people.create", { name: "After the first tab" });
  check(id, "an id");
  await view(tabs[3], "exchange", "?method=people.create&peer=desk");
  await tabs[3].getByTestId("exchange-row").and(tabs[3].locator('[data-method="people.create"]')).first().waitFor();
  same(streams.length, 4, "streams after another took over");
}

async function it_fits_each_width_in_light_and_dark(browser) {
  for (const colorScheme of ["light", "dark"]) {
    const one = await browser({ colorScheme });
    const page = await one.at("desk");
    for (const width of [360, 820, 1440]) {
      await page.setViewportSize({ width, height: width === 360 ? 740 : 900 });
      for (const name of ["network", "exchange", "people", "messages", "orders", "methods"]) {
        await view(page, name);
        await page.waitForTimeout(700);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        check(wide <= 0, `${name} is ${wide} px too wide at ${width}`);
        await shot(page, `${name}-${width}-${colorScheme}`);
      }
    }
  }
}

await runAll([
  the_nodes_appear_with_their_roles,
  a_person_is_created_the_request_seen_and_another_browser_told,
  a_refusal_is_shown_as_the_server_worded_it,
  a_request_passes_in_the_picture_of_both_ends,
  who_has_no_link_is_told_how_to_get_one,
  who_leaves_needs_a_fresh_link,
  a_message_that_is_shown_is_delivered,
  everything_is_reached_by_the_keyboard,
  many_tabs_share_two_streams_and_another_takes_over,
  ...schemas,
  ...attacks,
  a_node_that_is_lost_is_missed_and_greeted_when_it_is_back,
  it_fits_each_width_in_light_and_dark,
]);
