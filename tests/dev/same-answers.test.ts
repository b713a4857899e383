import { cpSync, existsSync, mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LiveBuilder, planLive } from "@cloudify/builder";
import type { Deployment } from "@cloudify/sdk";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { get } from "#tests/support/http.ts";
import { ROOT, TestPlatform } from "#tests/support/platform.ts";
import { type Question, questionsFor } from "./requests.ts";
import { DevSession } from "./session.ts";

const platform = new TestPlatform();
beforeAll(() => platform.start());
afterAll(() => platform.remove());

/** They differ from one request, deployment or connection to the next, on one server too. */
const OWN = new Set(
  (
    "date age cache-status last-modified x-cloudify-id x-cloudify-deployment " +
    "connection keep-alive transfer-encoding"
  ).split(" "),
);

const examples = readdirSync(join(ROOT, "examples"), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

describe.each(examples)("examples/%s", (name) => {
  test("cloudify dev answers as the deployed site does", { timeout: 300_000 }, async () => {
    const folder = join(mkdtempSync(join(tmpdir(), "cloudify-same-")), name);
    const source = join(ROOT, "examples", name);
    cpSync(source, folder, { recursive: true, filter: (path) => !/\/(?:node_modules|dist)$/.test(path) });
    const plan = await planLive(folder, null, true);
    const how = plan.kind === "prebuilt" ? ["--prebuilt"] : [];
    const { aliases } = await platform.json<Deployment>(
      "deploy",
      folder,
      "--project",
      `same-${name}`,
      "--prod",
      ...how,
    );
    const session = new DevSession(folder);
    await session.start("--build");
    try {
      const options = { env: {}, onLog: () => undefined, signal: new AbortController().signal };
      const { files } = await new LiveBuilder(folder).build(plan, {
        ...options,
        changed: null,
        server: null,
      });
      const questions = questionsFor(files);
      console.log(`examples/${name}: ${questions.length} requests`);
      for (const question of questions) {
        const deployed = await answerOf(aliases[0] ?? "", question);
        const developed = await answerOf(`http://localhost:${session.port}`, question);
        expect({ question, ...developed }).toEqual({ question, ...deployed });
      }
      expect(existsSync(join(folder, ".cloudify/dev"))).toBe(true);
    } finally {
      expect(await session.stop()).toBe(0);
    }
    expect(existsSync(join(folder, ".cloudify/dev"))).toBe(false);
  });
});

async function answerOf(origin: string, { path, conditional, headers = {}, ...ask }: Question) {
  const before = conditional && (await get(origin + path));
  await before?.body?.cancel();
  const value = before?.headers.get(conditional === "if-modified-since" ? "last-modified" : "etag");
  const sent = conditional && value ? { ...headers, [conditional]: value } : headers;
  const found = await get(origin + path, { ...ask, headers: sent });
  const given = [...found.headers].filter(([key]) => !OWN.has(key));
  const shown = given.map(([key, text]) => `${key}: ${neutral(text)}`).sort();
  const bytes = Buffer.from(await found.arrayBuffer());
  const isText = !found.headers.has("content-encoding") && bytes.equals(Buffer.from(bytes.toString("utf8")));
  return {
    status: found.status,
    headers: shown,
    body: isText ? neutral(bytes.toString("utf8")) : bytes.toString("hex"),
  };
}

/** Hosts, ids and times are each server's own. */
const neutral = (text: string): string =>
  text
    .replace(/(?:[a-z0-9-]+\.)?localhost(?::\d+)?/g, "HOST")
    .replace(/\b(?:req|dpl|prj)_[0-9a-z]+/g, "ID")
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, "UUID")
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME");
