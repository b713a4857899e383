import { chmodSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type WatchEvents, type Watching, watchFolders } from "./watch.ts";

let root: string;
let watching: Watching | null = null;
const at = (path: string) => join(root, path);
const events = () =>
  ({ isMade: () => false, onSeen: vi.fn(), onChanged: vi.fn(), onError: vi.fn() }) satisfies WatchEvents;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "cloudify-watch-"));
  chmodSync(root, 0o755);
});
afterEach(() => watching?.stop());

test("a change is seen before it is told of, and then with all others", async () => {
  const { onSeen, onChanged, ...rest } = events();
  const order: string[] = [];
  onSeen.mockImplementation((path: string) => order.push(path));
  onChanged.mockImplementation((paths: ReadonlySet<string>) => order.push([...paths].sort().join()));
  watching = await watchFolders([root], { onSeen, onChanged, ...rest });
  writeFileSync(at("a"), "1");
  writeFileSync(at("b"), "1");
  await expect.poll(() => order.length).toBe(3);
  expect(order.slice(0, 2).sort()).toEqual([at("a"), at("b")]);
  expect(order[2]).toBe(`${at("a")},${at("b")}`);
});

test("what is written without a pause is told of all the same", async () => {
  const told = events();
  watching = await watchFolders([root], told);
  let count = 0;
  const writer = setInterval(() => writeFileSync(at(`log-${count++ % 9}`), String(count)), 5);
  await expect.poll(() => told.onChanged.mock.calls.length, { timeout: 5_000 }).toBeGreaterThan(1);
  clearInterval(writer);
});

test("a folder that may not be read ends nothing, and all else is watched", async () => {
  mkdirSync(at("data"));
  chmodSync(at("data"), 0);
  const told = events();
  const isRoot = process.geteuid?.() === 0;
  // Root may read everything.
  if (isRoot) process.seteuid?.(65_534);
  try {
    watching = await watchFolders([root], told);
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
  writeFileSync(at("a"), "1");
  await expect.poll(() => told.onChanged.mock.calls.length).toBe(1);
  expect(told.onError).not.toHaveBeenCalled();
});

test("what can't be watched is told of, and all else is watched", async () => {
  symlinkSync("circle", at("circle"));
  const told = events();
  watching = await watchFolders([root], told);
  expect(told.onError).toHaveBeenCalledWith(expect.objectContaining({ code: "ELOOP" }));
  writeFileSync(at("a"), "1");
  await expect.poll(() => told.onChanged.mock.calls.length).toBe(1);
});
