/** Requests to compare two servers of one output by: made from what the output holds. */
import type { OutputFile } from "@cloudify/builder";
import type { Ask } from "#tests/support/http.ts";

export interface Question extends Ask {
  path: string;
  /** Sent with the tag, or the date, that the same server gave before. */
  conditional?: "if-none-match" | "if-modified-since" | "if-match" | "if-range";
}

export function questionsFor(files: readonly OutputFile[]): Question[] {
  const statics = files.flatMap(({ path }) =>
    path.startsWith("static/") ? [path.slice("static".length)] : [],
  );
  const functions = files.flatMap(({ path }) => {
    const [, name] = /^functions\/(.+)\.func\/\.vc-config\.json$/.exec(path) ?? [];
    return name === undefined || name === "_middleware" ? [] : [`/${name}`];
  });
  return [...statics.flatMap(ofFile), ...functions.flatMap(ofFunction), ...elsewhere];
}

function ofFile(path: string): Question[] {
  const clean = path.replace(/\.html$/, "");
  const folder = path.replace(/index\.html$/, "");
  const addresses = [
    path,
    `${path}/`,
    `${path}?a=1`,
    clean,
    `${clean}/`,
    folder,
    folder.replace(/(.)\/$/, "$1"),
  ];
  const ranges = ["bytes=0-4", "bytes=-3", "bytes=2-", "bytes=99999999-", "bytes=0-1,3-4", "lines=1-2"];
  const conditions = ["if-none-match", "if-modified-since", "if-match", "if-range"] as const;
  return [
    ...[...new Set(addresses)].flatMap((one): Question[] => [{ path: one }, { path: one, method: "HEAD" }]),
    ...ranges.map((range): Question => ({ path, headers: { range } })),
    ...conditions.map((conditional): Question => ({ path, conditional, headers: { range: "bytes=0-1" } })),
    ...["gzip", "br", "gzip;q=0, identity"].map(
      (encoding): Question => ({ path, headers: { "accept-encoding": encoding } }),
    ),
    ...["POST", "PUT", "DELETE", "OPTIONS"].map((method): Question => ({ path, method })),
    { path, headers: { "if-none-match": "*" } },
    { path, headers: { "if-none-match": '"another"' } },
  ];
}

function ofFunction(name: string): Question[] {
  const path = name.replace(/\[\.\.\.[^\]]+\]/g, "one/two").replace(/\[[^\]]+\]/g, "seven");
  const headers = { "content-type": "application/json" };
  return [
    ...["GET", "HEAD", "OPTIONS", "DELETE"].map((method): Question => ({ path, method })),
    ...["POST", "PUT", "PATCH"].map((method): Question => ({ path, method, headers, body: '{"a":1}' })),
    { path: `${path}?a=1&b=%20c&d` },
    { path: `${path}/` },
    { path: `${path}/more` },
    { path: name.replace(/[[\]]/g, encodeURIComponent) },
    { path, headers: { cookie: "a=1; visitor=b", "accept-language": "de", "user-agent": "test" } },
  ];
}

const missing = [
  "/no/such/page",
  "/no.txt",
  "/%E2%82%AC",
  "/a%2Fb",
  "/%zz",
  "//double//slash",
  "/a/../b",
  "/_cloudify/x",
];
const sources = [
  "/package.json",
  "/cloudify.json",
  "/vercel.json",
  "/.env.local",
  "/.cloudify/dev/keys.json",
  "/config.json",
];
const elsewhere: Question[] = [...missing, ...sources].flatMap((path): Question[] => [
  { path },
  { path, headers: { accept: "text/html" } },
  { path, method: "HEAD" },
  { path, method: "POST", body: "x" },
]);
