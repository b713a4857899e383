import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { emitService, programsFrom } from "./service.ts";

test("a service is one function that holds the repository and answers every path", async () => {
  const root = mkdtempSync(join(tmpdir(), "cloudify-service-"));
  const files = {
    "packages/lib/index.js": "lib",
    "apps/it's/server.js": "serve()",
    "apps/it's/.env.local": "SECRET=1",
    ".git/HEAD": "",
    "node_modules/dep/index.js": "dep",
  };
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, "source", path)), { recursive: true });
    writeFileSync(join(root, "source", path), text);
  }
  symlinkSync("../packages/lib", join(root, "source/node_modules/lib"));
  const output = join(root, "output");
  await emitService(join(root, "source"), join(root, "source/apps/it's"), output, 22, "start");
  const read = (path: string) => readFileSync(join(output, path), "utf8");
  const func = "functions/__service.func";
  expect(JSON.parse(read("config.json"))).toEqual({
    version: 3,
    routes: [{ handle: "filesystem" }, { src: "^/.*$", dest: "/__service" }],
  });
  expect(JSON.parse(read(`${func}/.vc-config.json`))).toEqual({
    runtime: "nodejs22.x",
    launcherType: "Service",
    command: "cd 'apps/it'\\''s' && npm run start --silent",
  });
  expect(read(`${func}/node_modules/dep/index.js`)).toBe("dep");
  expect(lstatSync(join(output, func, "node_modules/lib")).isSymbolicLink()).toBe(true);
  expect(existsSync(join(output, func, ".git"))).toBe(false);
  expect(existsSync(join(output, func, "apps/it's/.env.local"))).toBe(false);
});

test("a program of a package is found from the project's folder up to the root, and not above it", async () => {
  const root = mkdtempSync(join(tmpdir(), "cloudify-service-"));
  for (const [folder, program] of [
    [".", "pnpm"],
    ["source", "bun"],
    ["source/apps/api", "yarn"],
  ] as const) {
    mkdirSync(join(root, folder, "node_modules/.bin"), { recursive: true });
    writeFileSync(join(root, folder, "node_modules/.bin", program), "");
  }
  const has = programsFrom(join(root, "source"), join(root, "source/apps/api"));
  expect([await has("yarn"), await has("bun"), await has("pnpm")]).toEqual([true, true, false]);
});
