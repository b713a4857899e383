import { expect, test } from "vitest";
import { startOf } from "./start.ts";

const none = async () => false;
const start = (scripts: Record<string, string>, has: (program: string) => Promise<boolean> = none) =>
  startOf({ scripts }, has);

test.each([
  ["itself", { start: "node a.js" }, "start"],
  ["what pnpm would run", { start: "pnpm serve", serve: "node a.js" }, "serve"],
  ["what yarn would run", { start: "yarn run serve:all", "serve:all": "node a.js" }, "serve:all"],
  ["what is behind two", { start: "bun run a", a: "pnpm b", b: "node a.js" }, "b"],
  ["npm's own way", { start: "npm run serve", serve: "node a.js" }, "start"],
  ["a word that only looks like it", { start: "node yarn.js --with pnpm" }, "start"],
  ["a script of that name", { start: "npm run yarn", yarn: "node a.js" }, "start"],
])("a service is started by %s", async (_, scripts, name) => {
  expect(await start(scripts as Record<string, string>)).toBe(name);
});

test.each([
  ["pnpm exec tsx a.ts"],
  ["yarn node a.js"],
  ["bun a.ts"],
  ["PORT=1 bunx serve"],
  ["node migrate.js && pnpm serve --all"],
  ["cross-env NODE_ENV=production yarn serve"],
  ["concurrently 'pnpm a' 'node b.js'"],
  ["npm run serve"],
])("what needs a manager that is not there is refused, with a fix: %s", async (script) => {
  const scripts = { start: script, serve: "(pnpm exec tsx a.ts)" };
  await expect(start(scripts)).rejects.toMatchObject({
    code: "start_script",
    message: expect.stringMatching(/pnpm|yarn|bun/),
    fix: expect.stringContaining("npm run"),
  });
});

test("npm's hooks count, and scripts that call each other come to an end", async () => {
  await expect(start({ prestart: "yarn build", start: "node a.js" })).rejects.toMatchObject({
    code: "start_script",
  });
  await expect(start({ start: "pnpm again", again: "pnpm start" })).rejects.toMatchObject({
    code: "start_script",
  });
  expect(await start({ start: "npm run again", again: "npm start" })).toBe("start");
});

test("a manager that is one of the packages is there", async () => {
  expect(await start({ start: "bun a.ts" }, async (program) => program === "bun")).toBe("start");
});
