/**
 * `npm run trial:stability [MINUTES]`: what was deployed goes on being served from a cold start with API, objects and
 * cron off, under load: files of several projects at all their hosts, and functions with their environment.
 */
import { deployFunctions } from "#tests/support/functions.ts";
import { get } from "#tests/support/http.ts";
import { TestPlatform } from "#tests/support/platform.ts";
import { deployTree, tree } from "#tests/support/sites.ts";

const MINUTES = Number(process.argv[2] ?? 10);
const CONNECTIONS = 6;
const PROJECTS = 5;

const platform = new TestPlatform();
try {
  await platform.start();
  const expected = new Map<string, string>();
  for (let i = 0; i < PROJECTS; i++) await deployProject(i, expected);
  await platform.stop();
  await platform.start({ CLOUDIFY_WITHOUT: "api,objects,cron" });
  const counts = { right: 0, wrong: 0 };
  const addresses = [...expected];
  const until = Date.now() + MINUTES * 60_000;
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async (_, connection) => {
      for (let i = connection; Date.now() < until; i++) {
        const [address, text] = addresses[i % addresses.length] ?? ["", ""];
        const found = await get(address).then((answer) => answer.text());
        if (found === text) counts.right++;
        else counts.wrong++;
      }
    }),
  );
  const promoted = await platform.cli("rollback", "--project", "stable-0", "--json");
  const promote = { code: promoted.code, problem: (JSON.parse(promoted.stdout) as Refused).error.code };
  console.log(JSON.stringify({ minutes: MINUTES, addresses: addresses.length, ...counts, promote }));
} finally {
  await platform.remove();
}

interface Refused {
  error: { code: string };
}

async function deployProject(i: number, expected: Map<string, string>): Promise<void> {
  const name = `stable-${i}`;
  const { client } = platform;
  const { id: project } = await client.request("POST /api/projects", { body: { name } });
  const variable = { key: "SAID", value: `by ${name}`, targets: ["production" as const] };
  await client.request("POST /api/projects/{project}/env", { params: { project }, body: variable });
  const files = { "index.html": `page of ${name}`, "large.txt": `${name} `.repeat(12_000) };
  const production = await deployFunctions(
    client,
    project,
    { "api/said": "export default () => new Response(process.env.SAID)" },
    {},
    files,
  );
  const branch = await deployTree(client, project, tree(files), { git: { branch: `side-${i}` } });
  const hosts = [production.url, branch.url, ...production.aliases, ...branch.aliases];
  for (const host of hosts) {
    expected.set(`${host}/`, files["index.html"]);
    expected.set(`${host}/large.txt`, files["large.txt"]);
  }
  for (const host of [production.url, ...production.aliases]) expected.set(`${host}/api/said`, `by ${name}`);
}
