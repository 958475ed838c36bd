// A network of nodes with pages, browsers that look at them, and a list of tests.

import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { promisify } from "node:util";

const run = promisify(execFile);
const { BOTHWAYS, PLACE, NAMES = "" } = process.env;
const { chromium } = createRequire(`${PLACE}/`)("playwright-core");
const NETWORK = "page-test";

export const PATIENCE = 20_000;

/** A command of the program, and what it printed. */
export async function bothways(...args) {
  const { stdout } = await run(BOTHWAYS, ["--context", NETWORK, ...args]);
  return stdout.trim();
}

/** A command about the network as a whole. */
export async function dev(command, ...args) {
  const { stdout } = await run(BOTHWAYS, ["dev", command, "--name", NETWORK, ...args]);
  return stdout.trim();
}

export const link = (node) => bothways("link", node);
export const call = async (peer, method, params) =>
  JSON.parse(await bothways("call", peer, method, "-d", JSON.stringify(params), "-o", "json"));

/** One browser, and what it complained of. */
export class Browser {
  static async start(options = {}) {
    const { args = [], ...context } = options;
    const sandbox = process.getuid() === 0 ? ["--no-sandbox"] : [];
    const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: [...sandbox, ...args] });
    return new Browser(browser, await browser.newContext({ viewport: { width: 1440, height: 900 }, ...context }));
  }

  constructor(browser, context) {
    Object.assign(this, { browser, context, complaints: [] });
  }

  /** A tab that notes what breaks the policy, or asks elsewhere. */
  async tab() {
    const page = await this.context.newPage();
    page.setDefaultTimeout(PATIENCE);
    page.on("console", (message) => {
      if (/Content Security Policy|Trusted/i.test(message.text())) this.complaints.push(message.text());
    });
    page.on("pageerror", (error) => this.complaints.push(String(error)));
    page.on("dialog", (dialog) => {
      this.complaints.push(`a dialog: ${dialog.message()}`);
      dialog.dismiss();
    });
    page.on("request", (request) => {
      const { hostname, protocol } = new URL(request.url());
      if (protocol.startsWith("http") && hostname !== "127.0.0.1") this.complaints.push(`asks ${request.url()}`);
    });
    return page;
  }

  /** The page of a node, opened by a fresh link. */
  async at(node) {
    const page = await this.tab();
    await page.goto(await link(node));
    await page.getByTestId("node-name").filter({ hasText: node }).waitFor();
    return page;
  }

  close() {
    return this.browser.close();
  }
}

/** Goes to a view by its link. */
export async function view(page, name, query = "") {
  await page.evaluate((hash) => (location.hash = hash), `#/${name}${query}`);
  await page.locator("main h1").first().waitFor();
}

export function check(holds, what) {
  if (!holds) throw new Error(what);
}

export function same(found, expected, what) {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)];
  check(a === b, `${what}: ${a}, and not ${b}`);
}

/** Waits until something holds. */
export async function until(what, holds) {
  for (const end = Date.now() + PATIENCE; ; ) {
    if (await holds()) return;
    check(Date.now() < end, `not within ${PATIENCE / 1000} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Starts the network, runs the tests one after the other, stops the network. */
export async function runAll(tests) {
  const wanted = NAMES.split(" ").filter(Boolean);
  const chosen = tests.filter(({ name }) => !wanted.length || wanted.some((part) => name.includes(part)));
  mkdirSync(`${PLACE}/shots`, { recursive: true });
  await dev("down").catch(() => {});
  await run(BOTHWAYS, ["dev", "up", "--detach", "--name", NETWORK]);
  let failed = 0;
  try {
    for (const test of chosen) {
      const browsers = [];
      const browser = async (options) => {
        browsers.push(await Browser.start(options));
        return browsers.at(-1);
      };
      try {
        await test(browser);
        const complaints = browsers.flatMap((one) => one.complaints);
        check(!complaints.length, `the browser complains: ${complaints.join("; ")}`);
        console.log(`page: ${test.name} ... ok`);
      } catch (error) {
        failed++;
        console.log(`page: ${test.name} ... FAILED\n${error.stack}`);
        const page = browsers.at(-1)?.context.pages().at(-1);
        await page?.screenshot({ path: `${PLACE}/shots/failed-${test.name}.png` }).catch(() => {});
      } finally {
        await Promise.all(browsers.map((one) => one.close()));
      }
    }
  } finally {
    await dev("down");
  }
  console.log(`page: ${chosen.length - failed} passed; ${failed} failed`);
  process.exitCode = failed ? 1 : 0;
}

export const shot = (page, name) => page.screenshot({ path: `${PLACE}/shots/${name}.png` });
