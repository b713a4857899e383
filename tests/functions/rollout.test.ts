import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { edge } from "#tests/support/functions.ts";
import { get } from "#tests/support/http.ts";
import { TestPlatform, until } from "#tests/support/platform.ts";
import { entry, finished, folder, tree, upload } from "#tests/support/sites.ts";

const platform = new TestPlatform();
beforeAll(() => platform.start());
afterAll(() => platform.remove());

interface Moved {
  live: string;
  canary: { deploymentId: string; percent: number } | null;
  held: boolean;
}

/** Someone with a browser: keeps the cookies of one host, as RFC 6265 has it. */
class Visitor {
  readonly #cookies = new Map<string, string>();

  async see(url: string): Promise<string> {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const found = await get(url, cookie === "" ? {} : { headers: { cookie } });
    for (const line of found.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      this.#cookies.set(name, value);
    }
    return found.text();
  }
}

/** Asking hundreds takes a while, and may have to be done twice. */
const WHOLE_CROWD = { timeout: 20_000 };
const crowd = (size: number): Visitor[] => Array.from({ length: size }, () => new Visitor());

/** What each of them sees, twenty at a time. */
async function seenBy(visitors: readonly Visitor[], url: string): Promise<string[]> {
  const seen: string[] = [];
  for (let i = 0; i < visitors.length; i += 20)
    seen.push(...(await Promise.all(visitors.slice(i, i + 20).map((one) => one.see(url)))));
  return seen;
}

const count = (seen: readonly string[], word: string): number => seen.filter((one) => one === word).length;

/** Five standard deviations of a binomial share: one run in a million is further away. */
function expectShare(found: number, of: number, percent: number): void {
  const [mean, deviation] = [(of * percent) / 100, Math.sqrt((of * percent * (100 - percent)) / 1e4)];
  expect([percent, Math.abs(found - mean) <= 5 * deviation, found]).toEqual([percent, true, found]);
}

/** A site with a file, a function and a middleware that all say the same word. @returns Its id. */
async function release(project: string, word: string, percent?: number): Promise<string> {
  const files = {
    ...tree(
      { "file.txt": word },
      { routes: [{ src: "^/.*$", middlewarePath: "_middleware", continue: true }, { handle: "filesystem" }] },
    ),
    ...edge(
      "_middleware",
      `export default (request) => new URL(request.url).pathname === "/guard" ? new Response("${word}")
        : new Response(null, { headers: { "x-middleware-next": "1", "x-guard": "${word}" } })`,
    ),
    ...edge("function", `export default () => new Response("${word}")`),
  };
  await upload(platform.client, ...Object.values(files));
  const made = await platform.client.request("POST /api/projects/{project}/deployments", {
    params: { project },
    body: {
      target: "production",
      files: Object.entries(files).map(([path, text]) => entry(path, text)),
      ...(percent === undefined ? {} : { percent }),
    },
  });
  const done = await finished(platform.client, made.id);
  expect([done.state, done.error]).toEqual(["ready", null]);
  return made.id;
}

describe("a function's new version", () => {
  const says = (word: string) => folder({ "index.js": `export default () => new Response("${word}")` });
  const move = (...words: string[]) => platform.json<Moved>("functions", ...words);
  const visitors = crowd(200);
  let url: string;
  let before: string[];

  beforeAll(async () => {
    const made = await platform.json<{ url: string }>("functions", "deploy", "steps", says("old"));
    url = made.url;
    expect(new Set(await seenBy(visitors, url))).toEqual(new Set(["old"]));
    await platform.json("functions", "deploy", "steps", says("new"), "--percent", "10");
    // The router has it as soon as anybody sees it.
    await until(async () => (await seenBy(crowd(40), url)).includes("new"));
    before = await seenBy(visitors, url);
  });

  test("10 %: about a tenth get it, and each keeps what they got", async () => {
    expectShare(count(before, "new"), 200, 10);
    for (let i = 0; i < 3; i++) expect(await seenBy(visitors, url)).toEqual(before);
  });

  test.each([25, 50, 75])("%d %: nobody who had the new one goes back to the old", async (percent) => {
    expect((await move("rollout", "steps", String(percent))).canary?.percent).toBe(percent);
    await expect
      .poll(async () => count(await seenBy(visitors, url), "new"), WHOLE_CROWD)
      .toBeGreaterThan(count(before, "new"));
    const now = await seenBy(visitors, url);
    expectShare(count(now, "new"), 200, percent);
    expect(before.filter((word, i) => word === "new" && now[i] !== "new")).toEqual([]);
    expect(await seenBy(visitors, url)).toEqual(now);
    before = now;
  });

  test("who keeps no cookies is counted each time anew", async () => {
    expectShare(count(await seenBy(crowd(200), url), "new"), 200, 75);
  });

  test("while it grows, nobody who asks all the time ever goes back", async () => {
    const own = crowd(60);
    const histories = own.map(() => [] as string[]);
    let isGrowing = true;
    const asking = (async () => {
      while (isGrowing) for (const [i, word] of (await seenBy(own, url)).entries()) histories[i]?.push(word);
    })();
    for (const percent of ["80", "90", "99", "100"]) await move("rollout", "steps", percent);
    await expect.poll(async () => new Set(await seenBy(own, url)).size, WHOLE_CROWD).toBe(1);
    isGrowing = false;
    await asking;
    for (const history of histories) expect(history.join(" ")).toMatch(/^(?:old ?)*(?:new ?)*$/);
    expect(Math.min(...histories.map((history) => history.length))).toBeGreaterThan(3);
  });

  test("100 %: everybody has it, and nobody is given a name any more", async () => {
    // At 99 % the few who were asked may all have had it.
    await expect.poll(async () => (await get(url)).headers.getSetCookie(), WHOLE_CROWD).toEqual([]);
    expect(new Set(await seenBy(visitors, url))).toEqual(new Set(["new"]));
    expect(await platform.json("functions", "inspect", "steps")).toMatchObject({ canary: null, held: false });
  });

  test("a revert out of a rollout: everybody is back at once, and the next version goes live by itself", async () => {
    await platform.json("functions", "deploy", "steps", says("worse"), "--percent", "50");
    await expect
      .poll(async () => count(await seenBy(visitors, url), "worse"), WHOLE_CROWD)
      .toBeGreaterThan(0);
    const seen = await seenBy(visitors, url);
    const unlucky = visitors.filter((_, i) => seen[i] === "worse");
    expectShare(unlucky.length, 200, 50);
    expect(await move("revert", "steps")).toMatchObject({ canary: null, held: false });
    // Half a second is what the router may take.
    await expect.poll(() => unlucky[0]?.see(url), { timeout: 500, interval: 10 }).toBe("new");
    expect(new Set(await seenBy(visitors, url))).toEqual(new Set(["new"]));
    expect(new Set(await seenBy(crowd(20), url))).toEqual(new Set(["new"]));
    await platform.json("functions", "deploy", "steps", says("better"));
    await expect.poll(async () => new Set(await seenBy(crowd(20), url))).toEqual(new Set(["better"]));
  });

  test("a revert of what everybody gets sticks, until the newest is given to all", async () => {
    expect(await move("revert", "steps")).toMatchObject({ held: true });
    await expect.poll(() => new Visitor().see(url)).toBe("new");
    const ran = await platform.cli("functions", "deploy", "steps", says("newest"));
    expect(ran.stderr).toContain("Nobody gets it: a revert holds");
    expect(await new Visitor().see(url)).toBe("new");
    const listed = await platform.cli("functions", "ls");
    expect(listed.stdout).toContain("ready, held");
    expect(await move("rollout", "steps", "100")).toMatchObject({ held: false, canary: null });
    await expect.poll(() => new Visitor().see(url)).toBe("newest");
  });

  test("another salt for each rollout: it is not the same visitors who try everything first", async () => {
    const tried = async (word: string) => {
      await platform.json("functions", "deploy", "steps", says(word), "--percent", "30");
      await expect.poll(async () => count(await seenBy(visitors, url), word), WHOLE_CROWD).toBeGreaterThan(0);
      return seenBy(visitors, url);
    };
    const [one, two] = [await tried("one"), await tried("two")];
    const both = one.filter((word, i) => word === "one" && two[i] === "two").length;
    expectShare(both, 200, 9);
    await move("revert", "steps");
  });

  test("what can't be rolled out is refused", async () => {
    const code = async (...words: string[]) => {
      const { stdout } = await platform.cli("functions", ...words, "--json");
      return (JSON.parse(stdout) as { error: { code: string } }).error.code;
    };
    await platform.json("functions", "deploy", "alone", says("alone"));
    expect(await code("rollout", "alone", "50")).toBe("illegal_transition");
    expect(await code("rollout", "alone", "0")).toBe("illegal_transition");
    expect(await code("revert", "alone")).toBe("illegal_transition");
    expect(await code("rollout", "nobody", "50")).toBe("not_found");
  });
});

describe("a site's new deployment", () => {
  const host = (path: string) => `http://shared.localhost:${platform.port}${path}`;
  const paths = ["/file.txt", "/function", "/guard"];
  const visitors = crowd(100);
  let project: string;
  let ids: { old: string; next: string };

  beforeAll(async () => {
    project = (await platform.client.request("POST /api/projects", { body: { name: "shared" } })).id;
    ids = { old: await release(project, "old"), next: await release(project, "new", 40) };
    await until(async () => new Set(await seenBy(crowd(20), host("/file.txt"))).size === 2);
  });

  test("files, functions and the middleware of one visitor are of one deployment", async () => {
    const all = [];
    for (const path of paths) all.push(await seenBy(visitors, host(path)));
    expectShare(count(all[0] ?? [], "new"), 100, 40);
    expect(all[1]).toEqual(all[0]);
    expect(all[2]).toEqual(all[0]);
    const found = await get(host("/file.txt"));
    expect(found.headers.get("x-guard")).toBe(await found.text());
  });

  test("a deployment that the request names goes before the visitor's share", async () => {
    for (let i = 0; i < 15; i++) {
      const ask = (id: string) => get(host("/function"), { headers: { "x-deployment-id": id } });
      const named = [await ask(ids.old), await ask(ids.next), await get(host(`/file.txt?dpl=${ids.next}`))];
      expect(await Promise.all(named.map((found) => found.text()))).toEqual(["old", "new", "new"]);
      // A name that the request brings is all it needs.
      expect(named.flatMap((found) => found.headers.getSetCookie())).toEqual([]);
    }
  });

  test("a stranger's text in the cookie is one visitor like any other, or none", async () => {
    const as = (value: string) =>
      get(host("/file.txt"), { headers: { cookie: `__cloudify_visitor=${value}` } });
    const mine = await Promise.all(Array.from({ length: 5 }, async () => (await as("me")).text()));
    expect(new Set(mine).size).toBe(1);
    for (const odd of ["", "a b", "%00", "x".repeat(65), "<script>"]) {
      const found = await as(odd);
      expect([found.status, ["old", "new"].includes(await found.text())]).toEqual([200, true]);
      expect(found.headers.getSetCookie()).toHaveLength(1);
    }
  });

  test("the command shows it, moves it, ends it; promote begins one", async () => {
    const cli = (...words: string[]) => platform.json<Moved>(...words, "--project", "shared");
    expect(await cli("rollout")).toMatchObject({
      live: ids.old,
      canary: { deploymentId: ids.next, percent: 40 },
    });
    expect(await cli("rollout", "60")).toMatchObject({ canary: { percent: 60 } });
    expect(await cli("rollout", "0")).toMatchObject({ live: ids.old, canary: null });
    await expect
      .poll(async () => new Set(await seenBy(visitors, host("/guard"))), WHOLE_CROWD)
      .toEqual(new Set(["old"]));
    expect(await cli("promote", ids.next, "--percent", "20")).toMatchObject({
      live: ids.old,
      canary: { deploymentId: ids.next, percent: 20 },
    });
    expect(await cli("promote", ids.next)).toMatchObject({ live: ids.next, canary: null });
    await expect
      .poll(async () => new Set(await seenBy(visitors, host("/file.txt"))))
      .toEqual(new Set(["new"]));
  });

  test("deploy --prod --percent gives a share; elsewhere a share means nothing", async () => {
    const root = folder({ "file.txt": "third" });
    const ran = await platform.cli(
      "deploy",
      root,
      "--prod",
      "--percent",
      "30",
      "--project",
      "shared",
      "--yes",
    );
    expect([ran.code, ran.stderr]).toEqual([0, expect.stringContaining("30 % of the visitors get it")]);
    await expect
      .poll(async () => new Set(await seenBy(crowd(20), host("/file.txt"))))
      .toEqual(new Set(["new", "third"]));
    const refused = await platform.cli(
      "deploy",
      root,
      "--percent",
      "30",
      "--project",
      "shared",
      "--yes",
      "--json",
    );
    expect([refused.code, JSON.parse(refused.stdout).error.code]).toEqual([2, "percent_of_preview"]);
    await platform.json("rollback", "--project", "shared");
    await expect
      .poll(async () => new Set(await seenBy(crowd(20), host("/file.txt"))))
      .toEqual(new Set(["new"]));
  });
});
