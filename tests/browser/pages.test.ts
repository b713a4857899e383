import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { TestPlatform } from "#tests/support/platform.ts";
import { folder } from "#tests/support/sites.ts";

const platform = new TestPlatform();
let browser: Browser;

beforeAll(async () => {
  await platform.start();
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
});
afterAll(async () => {
  await browser.close();
  await platform.remove();
});

/** A page, and what it complained of. */
async function open(address: string) {
  const page = await browser.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  const response = await page.goto(address);
  return { page, complaints, status: response?.status() };
}

test("the example is a page that a person can read", async () => {
  const { page, complaints, status } = await open(`http://hello.localhost:${platform.port}/`);
  expect(status).toBe(200);
  expect(await page.getByRole("heading", { level: 1 }).textContent()).toBe("It is deployed");
  expect(await page.evaluate(() => getComputedStyle(document.body).display)).toBe("grid");
  expect(complaints).toEqual([]);
});

test("scripts, styles and modules of a deployed app load, compressed and typed", async () => {
  const root = folder({
    "index.html": `<!doctype html><link rel="icon" href="data:,"><link rel="stylesheet" href="/app.css"><p id="out"></p><script type="module" src="/app.js"></script>`,
    "app.css": `p { color: rgb(1, 2, 3) } ${"/* a comment */".repeat(200)}`,
    "app.js": `import { word } from "./word.js"; document.querySelector("#out").textContent = word; ${"// filler\n".repeat(200)}`,
    "word.js": `export const word = "works";`,
  });
  const { url } = await platform.json<{ url: string }>("deploy", root, "--project", "shop");
  const { page, complaints } = await open(url);
  await page.waitForFunction(() => document.querySelector("#out")?.textContent === "works");
  expect(await page.evaluate(() => getComputedStyle(document.querySelector("p") as Element).color)).toBe(
    "rgb(1, 2, 3)",
  );
  expect(complaints).toEqual([]);
});

test("an address where nothing is says so in words", async () => {
  const { page, status } = await open(`http://nobody.localhost:${platform.port}/`);
  expect(status).toBe(404);
  expect(await page.textContent("h1")).toContain("Not found");
  expect(await page.textContent("body")).toContain("nobody.localhost");
});

test("the reference page lists every operation, without a script", async () => {
  const { page, complaints } = await open(`${platform.api}/api/docs`);
  const document = (await (await fetch(`${platform.api}/api/openapi.json`)).json()) as {
    paths: Record<string, object>;
  };
  const count = Object.values(document.paths).reduce((sum, item) => sum + Object.keys(item).length, 0);
  expect(await page.locator("main section p.line").count()).toBe(count);
  expect(await page.locator("script").count()).toBe(0);
  expect(complaints).toEqual([]);
});
