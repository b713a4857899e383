/** Edge functions as `vercel build` leaves them outside of Next.js, deployed with `--prebuilt`. */
import type { Deployment } from "@cloudify/sdk";
import { afterAll, beforeAll, expect, test } from "vitest";
import { get } from "#tests/support/http.ts";
import { TestPlatform } from "#tests/support/platform.ts";
import { deployTree, folder, tree } from "#tests/support/sites.ts";

const platform = new TestPlatform();
beforeAll(() => platform.start());
afterAll(() => platform.remove());

const traced = (name: string, entrypoint: string, files: Record<string, string>): Record<string, string> => ({
  [`functions/${name}.func/.vc-config.json`]: JSON.stringify({
    runtime: "edge",
    deploymentTarget: "v8-worker",
    entrypoint,
  }),
  ...Object.fromEntries(
    Object.entries(files).map(([path, text]) => [`functions/${name}.func/${path}`, text]),
  ),
});

const PKG = {
  "node_modules/pkg/package.json": '{"name":"pkg","main":"main.js"}',
  "node_modules/pkg/main.js":
    'const { Buffer } = require("buffer"); exports.encode = (t) => Buffer.from(t).toString("hex");',
};
/** As Babel leaves it. */
const COMMON = `"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.default = void 0;
var _pkg = require("pkg");
var _util = _interopRequireDefault(require("../lib/util"));
function _interopRequireDefault(e) { return e && e.__esModule ? e : { default: e }; }
var _default = exports.default = request => new Response(_pkg.encode("a") + _util.default + request.headers.get("x-by"));`;
const output = {
  ...tree(
    { "a.txt": "static" },
    {
      routes: [
        { src: "^/.*$", middlewarePath: "middleware", middlewareRawSrc: [], continue: true, override: true },
        { handle: "filesystem" },
      ],
    },
  ),
  ...traced("api/hello", "api/hello.js", {
    "api/hello.js": COMMON,
    "lib/util.js":
      '"use strict"; Object.defineProperty(exports, "__esModule", { value: true }); exports.default = "util";',
    "package.json": "{}",
    ...PKG,
  }),
  ...traced("middleware", "middleware.js", {
    "middleware.js": `import { lead } from "./lib/lead";
      export default (request) => lead(new URL(request.url).pathname);`,
    "package.json": '{"type":"module"}',
    "lib/lead.js": `export const lead = (path) => path === "/api/hello" ? new Response(null, { headers: {
      "x-middleware-next": "1", "x-middleware-override-headers": "x-by", "x-middleware-request-x-by": "lead" } }) : undefined;`,
  }),
};

test("they are bundled where the tree is read, and answer", async () => {
  const { aliases } = await platform.json<Deployment>(
    "deploy",
    folder(
      Object.fromEntries(Object.entries(output).map(([path, text]) => [`.vercel/output/${path}`, text])),
    ),
    "--project",
    "traced",
    "--prod",
    "--prebuilt",
  );
  expect(await (await get(`${aliases[0]}/api/hello`)).text()).toBe("61utillead");
  expect(await (await get(`${aliases[0]}/a.txt`)).text()).toBe("static");
});

test("without the CLI they are refused", async () => {
  const { id } = await platform.client.request("POST /api/projects", { body: { name: "untraced" } });
  const done = await deployTree(platform.client, id, output);
  expect(done).toMatchObject({ state: "error", error: { code: "missing_module" } });
});
