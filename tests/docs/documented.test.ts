import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { routeOf } from "#core/contract.ts";
import { contracts } from "#features/contracts.ts";
import { ROOT } from "#tests/support/platform.ts";
import { makeProgram } from "../../packages/cli/src/program.ts";

const docs = readdirSync(join(ROOT, "docs"))
  .filter((name) => name.endsWith(".md"))
  .map((name) => readFileSync(join(ROOT, "docs", name), "utf8"))
  .join("\n");

test("every operation of the API is documented", () => {
  for (const spec of Object.values(contracts).flatMap((contract) => Object.values(contract))) {
    expect(docs).toContain(`${spec.method} ${spec.path}`);
  }
});

test("no operation tells of a problem that nothing answers", () => {
  const sources = execFileSync(
    "git",
    [
      "grep",
      "-hoE",
      '"[a-z_]+"',
      "--",
      "core",
      "features",
      "workers",
      ":!*.test.ts",
      ":!*/contract.ts",
      ":!core/contract.ts",
    ],
    { cwd: ROOT, encoding: "utf8" },
  );
  const answered = new Set(sources.split("\n").map((quoted) => quoted.slice(1, -1)));
  for (const spec of Object.values(contracts).flatMap((contract) => Object.values(contract))) {
    const responses = routeOf("x", spec).responses as Record<string, { description: string }>;
    for (const [status, { description }] of Object.entries(responses)) {
      if (Number(status) < 400) continue;
      for (const code of description.split(", ")) expect([code, answered.has(code)]).toEqual([code, true]);
    }
  }
});

test("every command and flag is documented", () => {
  const visit = (command: ReturnType<typeof makeProgram>, above: string): void => {
    const name = above === "" ? command.name() : `${above} ${command.name()}`;
    if (command.commands.length === 0) expect(docs).toContain(`\`${name}`);
    for (const option of command.options)
      expect([name, docs.includes(option.long ?? "")]).toEqual([name, true]);
    for (const below of command.commands) visit(below as typeof command, name);
  };
  visit(makeProgram(), "");
});

test("every environment variable is documented", () => {
  const sources = execFileSync(
    "git",
    ["grep", "-hoE", "CLOUDIFY_[A-Z_]+[A-Z]", "--", "packages", "scripts", "workers"],
    { cwd: ROOT, encoding: "utf8" },
  );
  for (const name of new Set(sources.split("\n").filter((line) => line !== "")))
    expect([name, docs.includes(name)]).toEqual([name, true]);
});
