import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pack } from "tar-stream";
import { afterEach, beforeEach, expect, test } from "vitest";
import { packFolder, unpack } from "./tar.ts";

const LIMITS = { files: 100, bytes: 1_000_000 };
let home: string;
let into: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "tar-"));
  into = join(home, "into");
  mkdirSync(into);
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

test("a folder comes out as it went in: empty and large files, long names, links, what is executable", async () => {
  const from = join(home, "from");
  const long = `${"folder/".repeat(30)}${"n".repeat(90)}.txt`;
  mkdirSync(join(from, "folder/".repeat(30)), { recursive: true });
  mkdirSync(join(from, "empty folder"));
  writeFileSync(join(from, long), "long");
  writeFileSync(join(from, "empty"), "");
  writeFileSync(join(from, "large"), Buffer.alloc(300_000, 7));
  writeFileSync(join(from, "run"), "#!/bin/sh");
  chmodSync(join(from, "run"), 0o755);
  symlinkSync("../empty", join(from, "folder/link"));
  await unpack(packFolder(from), into, LIMITS);
  expect(readFileSync(join(into, long), "utf8")).toBe("long");
  expect(statSync(join(into, "empty")).size).toBe(0);
  expect(readFileSync(join(into, "large"))).toEqual(Buffer.alloc(300_000, 7));
  expect(statSync(join(into, "run")).mode & 0o111).not.toBe(0);
  expect(statSync(join(into, "large")).mode & 0o111).toBe(0);
  expect(readlinkSync(join(into, "folder/link"))).toBe("../empty");
  expect(statSync(join(into, "empty folder")).isDirectory()).toBe(true);
});

test("a tar that is cut is refused, wherever it is cut", async () => {
  const from = join(home, "from");
  mkdirSync(from);
  writeFileSync(join(from, "one"), Buffer.alloc(5_000, 1));
  writeFileSync(join(from, "two"), Buffer.alloc(5_000, 2));
  const whole = await buffer(packFolder(from));
  for (let at = 512; at < whole.length - 1_536; at += 512) {
    const target = join(home, String(at));
    mkdirSync(target);
    await expect(unpack(Readable.from([whole.subarray(0, at)]), target, LIMITS)).rejects.toThrow();
  }
});

const ABSOLUTE = join(tmpdir(), `cloudify-out-${process.pid}`);

type Made = { name: string; type?: "file" | "symlink" | "link" | "fifo"; linkname?: string; text?: string };

function tarOf(entries: readonly Made[]): Readable {
  const tar = pack();
  for (const { text, ...head } of [...entries, { name: ".cloudify-complete", text: "" }]) {
    if (text === undefined) tar.entry(head);
    else tar.entry(head, text);
  }
  tar.finalize();
  return tar as unknown as Readable;
}

test.each<[string, Made[]]>([
  ["a name that leads up", [{ name: "a/../../out", text: "x" }]],
  ["an absolute name", [{ name: ABSOLUTE, text: "x" }]],
  ["a link that leads up", [{ name: "a", type: "symlink", linkname: "../../etc" }]],
  ["an absolute link", [{ name: "a", type: "symlink", linkname: "/etc" }]],
  [
    "a link through links",
    [
      { name: "a/b/file", text: "x" },
      { name: "a/b/up", type: "symlink", linkname: "../.." },
      { name: "out", type: "symlink", linkname: "a/b/up/.." },
    ],
  ],
  [
    "a file through a link",
    [
      { name: "a", type: "symlink", linkname: "." },
      { name: "a", text: "x" },
    ],
  ],
  ["a hard link", [{ name: "a", type: "link", linkname: "/etc/passwd" }]],
  ["a pipe", [{ name: "a", type: "fifo" }]],
  [
    "one name twice",
    [
      { name: "a", text: "x" },
      { name: "a", text: "y" },
    ],
  ],
  ["too many files", Array.from({ length: 101 }, (_, at) => ({ name: `f${at}`, text: "" }))],
  ["too many bytes", [{ name: "a", text: "x".repeat(1_000_001) }]],
])("%s is refused, and nothing is written outside", async (_what, entries) => {
  await expect(unpack(tarOf(entries), into, LIMITS)).rejects.toThrow();
  expect(existsSync(join(home, "out"))).toBe(false);
  expect(existsSync(ABSOLUTE)).toBe(false);
});

test("a link that leads nowhere is left out", async () => {
  await unpack(tarOf([{ name: "a", type: "symlink", linkname: "b" }]), into, LIMITS);
  expect(existsSync(join(into, "a"))).toBe(false);
});
