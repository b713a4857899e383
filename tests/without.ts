import { get } from "#tests/support/http.ts";
import { TestPlatform } from "#tests/support/platform.ts";
import { deployTree, tree } from "#tests/support/sites.ts";

const p = new TestPlatform();
await p.start();
const addresses: [string, string][] = [];
for (let i = 0; i < 5; i++) {
  await p.client.request("POST /api/projects", { body: { name: `s${i}` } });
  for (let n = 0; n < 3; n++) {
    const d = await deployTree(
      p.client,
      `s${i}`,
      tree({ "index.html": `site ${i} ${n}`, "big.txt": `${i}${n}`.repeat(60_000) }),
      { target: "production", git: { branch: "main" } },
    );
    addresses.push([`${d.url}/`, `site ${i} ${n}`], [`${d.url}/big.txt`, `${i}${n}`.repeat(60_000)]);
    if (n === 2) for (const a of d.aliases) addresses.push([`${a}/`, `site ${i} ${n}`]);
  }
}
await p.stop();
await p.start({ CLOUDIFY_WITHOUT: "api,objects,cron" });
const end = Date.now() + 600_000;
let ok = 0,
  bad = 0;
await Promise.all(
  Array.from({ length: 6 }, async (_, k) => {
    for (let i = k; Date.now() < end; i++) {
      const [address, text] = addresses[i % addresses.length]!;
      try {
        (await (await get(address)).text()) === text ? ok++ : bad++;
      } catch {
        bad++;
      }
      await new Promise((r) => setTimeout(r, 15));
    }
  }),
);
const refused = await p.cli("promote", "dpl_x", "--json");
console.log(
  JSON.stringify({
    addresses: addresses.length,
    ok,
    bad,
    promote: refused.stdout.trim().slice(0, 200),
    exit: refused.code,
  }),
);
await p.remove();
