/**
 * `npm run conformance`: apps of frameworks, made from their own scaffolds and built by others' tools, deployed with
 * `--prebuilt`, and each answer compared with that of the framework's own server. Needs the npm registry.
 *
 *     npm run conformance -- [next] [kit] [--in <folder>]
 *
 * `--in` keeps the apps in a folder and builds only what is not built there yet.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { get } from "#tests/support/http.ts";
import { freePort, TestPlatform } from "#tests/support/platform.ts";
import { type App, isBuilt, isMeant, kit, next } from "./apps.ts";
import { compare, type Seen } from "./compare.ts";
import { ORIGIN, type Request } from "./requests.ts";

const { values, positionals } = parseArgs({ options: { in: { type: "string" } }, allowPositionals: true });
const chosen = [next, kit].filter((app) => positionals.length === 0 || positionals.includes(app.name));
const folder = values.in ?? mkdtempSync(join(tmpdir(), "cloudify-conformance-"));
mkdirSync(folder, { recursive: true });
const platform = new TestPlatform();

const LABEL = { same: "ok  ", known: "doc ", different: "DIFF" } as const;
type Judgement = keyof typeof LABEL;

let isAllTheSame = true;
try {
  await platform.start();
  for (const app of chosen) isAllTheSame = (await check(app)) && isAllTheSame;
} finally {
  await platform.remove();
  if (values.in === undefined) rmSync(folder, { recursive: true, force: true });
}
process.exitCode = isAllTheSame ? 0 : 1;

async function check(app: App): Promise<boolean> {
  const there = join(folder, app.name);
  const root = isBuilt(there) ? there : await app.build(folder);
  await platform.json("deploy", root, "--prebuilt", "--prod", "--project", app.name);
  const ours = `http://${app.name}.localhost:${platform.port}`;
  const port = await freePort();
  // A name of the same kind: what frameworks do otherwise for `localhost` is not compared.
  const host = `${app.name}.localhost:${port}`;
  const theirs = `http://${host}`;
  const server = await app.serve(root, port, host);
  const count = { same: 0, known: 0, different: 0 };
  try {
    for (const request of app.requests) count[await judge(app, request, theirs, ours)]++;
  } finally {
    await server.stop();
  }
  const { same, known, different } = count;
  console.log(`${app.name}: ${same} the same, ${known} differ as documented, ${different} different\n`);
  return different === 0;
}

async function judge(app: App, request: Request, theirs: string, ours: string): Promise<Judgement> {
  const [one, two] = [await ask(theirs, request), await ask(ours, request)];
  const found = compare(one, two, app.rules);
  const reasons = found.map(({ what }) => app.known.find((known) => isMeant(known, request, what)));
  const judgement =
    found.length === 0 ? "same" : reasons.every((one) => one !== undefined) ? "known" : "different";
  const { method = "GET", path, headers = {} } = request;
  const shown = Object.keys(headers).length > 0 ? ` ${JSON.stringify(headers)}` : "";
  console.log(`${LABEL[judgement]} ${one.status} ${method} ${path}${shown}`);
  for (const [i, { what, theirs, ours }] of found.entries()) {
    const why = reasons[i]?.why;
    console.log(
      why === undefined
        ? `     ${what}\n       theirs ${theirs}\n       ours   ${ours}`
        : `     ${what}: ${why}`,
    );
  }
  return judgement;
}

async function ask(origin: string, { path, headers = {}, ...rest }: Request): Promise<Seen> {
  const given = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, value.replace(ORIGIN, origin)]),
  );
  const found = await get(origin + path, { ...rest, headers: given });
  return { status: found.status, headers: found.headers, body: await found.text(), origin };
}
