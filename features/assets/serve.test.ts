import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { contentTypeOf, isCompressible } from "./content-type.ts";
import { negotiate } from "./negotiate.ts";
import { parseRange } from "./ranges.ts";
import { type Ask, serveStatic } from "./serve.ts";

const text = Array.from({ length: 300 }, (_, i) => `${i},`).join("");
const bytes = new TextEncoder().encode(text);
const file = {
  sha256: "ab".repeat(32),
  size: bytes.length,
  type: "text/plain; charset=utf-8",
  br: 50,
  gzip: 60,
};
const tag = `"${"ab".repeat(16)}"`;
const modified = Date.parse("2026-01-02T03:04:05.678Z");

async function get(headers: Record<string, string> = {}, more: Partial<Ask> = {}) {
  const served = await serveStatic(
    {
      method: "GET",
      header: (name) => headers[name] ?? null,
      acceptEncoding: () => headers["accept-encoding"] ?? null,
      file,
      status: 200,
      headers: [],
      lastModified: modified,
      ...more,
    },
    async (encoding, span) => {
      if (encoding !== "identity") return new Uint8Array(encoding === "br" ? 50 : 60);
      return span ? bytes.slice(span.offset, span.offset + span.length) : bytes;
    },
  );
  if (!served.ok) throw new Error("no bytes");
  const { status, headers: said, body } = served;
  const response = new Response(body as BodyInit | null, { status, headers: said.toInit() });
  return {
    status: response.status,
    header: (name: string) => response.headers.get(name),
    body: await response.text(),
  };
}

test("a whole file: type, length, validators, and a cache that asks", async () => {
  const found = await get();
  expect(found).toMatchObject({ status: 200, body: text });
  expect(found.header("content-length")).toBe(String(bytes.length));
  expect(found.header("content-type")).toBe("text/plain; charset=utf-8");
  expect(found.header("etag")).toBe(tag);
  expect(found.header("last-modified")).toBe("Fri, 02 Jan 2026 03:04:05 GMT");
  expect(found.header("accept-ranges")).toBe("bytes");
  expect(found.header("vary")).toBe("accept-encoding");
});

test("HEAD says the same and sends nothing", async () => {
  const [head, whole] = [await get({}, { method: "HEAD" }), await get()];
  expect(head.body).toBe("");
  for (const name of ["content-length", "content-type", "etag", "accept-ranges"]) {
    expect(head.header(name)).toBe(whole.header(name));
  }
});

test("other methods are refused early, and told which are not", async () => {
  for (const method of ["POST", "PUT", "DELETE", "PATCH"]) {
    const found = await get({}, { method });
    expect(found.status).toBe(405);
    expect(found.header("allow")).toBe("GET, HEAD, OPTIONS");
  }
  expect((await get({}, { method: "OPTIONS" })).status).toBe(204);
});

test("an error has its page whatever was asked, and however", async () => {
  for (const method of ["GET", "POST", "OPTIONS", "DELETE"]) {
    for (const status of [404, 500, 504]) {
      const found = await get({ "if-match": '"x"', range: "bytes=0-1" }, { method, status });
      expect(found).toMatchObject({ status, body: text });
      expect(found.header("allow")).toBeNull();
    }
  }
  expect(await get({}, { method: "HEAD", status: 500 })).toMatchObject({ status: 500, body: "" });
});

describe("conditions", () => {
  test.each([
    ["if-none-match", tag, 304],
    ["if-none-match", `W/${tag}`, 304],
    ["if-none-match", `"x", ${tag}`, 304],
    ["if-none-match", "*", 304],
    ["if-none-match", '"x"', 200],
    ["if-match", tag, 200],
    ["if-match", "*", 200],
    ["if-match", `W/${tag}`, 412],
    ["if-match", '"x"', 412],
    ["if-modified-since", "Fri, 02 Jan 2026 03:04:05 GMT", 304],
    ["if-modified-since", "Fri, 02 Jan 2026 03:04:04 GMT", 200],
    ["if-modified-since", "nonsense", 200],
    ["if-unmodified-since", "Fri, 02 Jan 2026 03:04:04 GMT", 412],
    ["if-unmodified-since", "Fri, 02 Jan 2026 03:04:05 GMT", 200],
  ])("%s: %s → %i", async (name, value, status) => {
    const found = await get({ [name]: value });
    expect(found.status).toBe(status);
    if (status !== 200) expect(found.body).toBe("");
  });

  test("the tag wins over the date", async () => {
    const date = "Fri, 01 Jan 2100 00:00:00 GMT";
    expect((await get({ "if-none-match": '"x"', "if-modified-since": date })).status).toBe(200);
  });

  test("a 304 keeps what a cache needs, and describes no body", async () => {
    const found = await get({ "if-none-match": tag });
    expect(found.header("etag")).toBe(tag);
    expect(found.header("cache-control")).toContain("max-age=0");
    expect(found.header("content-length")).toBeNull();
  });

  test("an error page is never conditional and never a part", async () => {
    const found = await get({ "if-none-match": tag, range: "bytes=0-1" }, { status: 404 });
    expect(found).toMatchObject({ status: 404, body: text });
  });
});

describe("ranges", () => {
  test.each([
    ["bytes=0-9", 206, "0-9", 10],
    ["bytes=-5", 206, `${bytes.length - 5}-${bytes.length - 1}`, 5],
    [`bytes=${bytes.length - 3}-`, 206, `${bytes.length - 3}-${bytes.length - 1}`, 3],
    [`bytes=${bytes.length - 2}-${bytes.length + 99}`, 206, `${bytes.length - 2}-${bytes.length - 1}`, 2],
    ["bytes=0-4,3-9", 206, "0-9", 10],
  ])("%s", async (range, status, of, length) => {
    const found = await get({ range });
    expect(found.status).toBe(status);
    expect(found.header("content-range")).toBe(`bytes ${of}/${bytes.length}`);
    expect(found.header("content-length")).toBe(String(length));
    expect(found.body.length).toBe(length);
  });

  test.each(["bytes=9-0", "bytes=a-b", "lines=0-1", "bytes=", "bytes=-", "0-1"])(
    "%s is ignored",
    async (range) => {
      expect(await get({ range })).toMatchObject({ status: 200, body: text });
    },
  );

  test("past the end there is nothing", async () => {
    const found = await get({ range: `bytes=${bytes.length}-` });
    expect(found.status).toBe(416);
    expect(found.header("content-range")).toBe(`bytes */${bytes.length}`);
  });

  test("several come as parts, each of them right", async () => {
    const found = await get({ range: "bytes=0-1,4-5,-3" });
    expect(found.status).toBe(206);
    expect(found.header("content-length")).toBe(String(found.body.length));
    const boundary = /boundary=(.+)$/.exec(found.header("content-type") ?? "")?.[1];
    const parts = found.body.split(`--${boundary}`).slice(1, -1);
    expect(parts.map((part) => part.split("\r\n\r\n")[1]?.replace(/\r\n$/, ""))).toEqual([
      text.slice(0, 2),
      text.slice(4, 6),
      text.slice(-3),
    ]);
  });

  test("if-range gives a part only of the very same bytes", async () => {
    const range = "bytes=0-9";
    expect((await get({ range, "if-range": tag })).status).toBe(206);
    expect((await get({ range, "if-range": '"x"' })).status).toBe(200);
    expect((await get({ range, "if-range": `W/${tag}` })).status).toBe(200);
    expect((await get({ range, "if-range": "Fri, 02 Jan 2026 03:04:05 GMT" })).status).toBe(206);
    expect((await get({ range, "if-range": "Fri, 02 Jan 2026 03:04:06 GMT" })).status).toBe(200);
  });

  test("spans are in order, apart, inside the file, and cover what was asked", () => {
    const spec = fc
      .tuple(fc.option(fc.nat(120)), fc.option(fc.nat(120)))
      .map(([a, b]) => `${a ?? ""}-${b ?? ""}`);
    fc.assert(
      fc.property(fc.array(spec, { minLength: 1, maxLength: 40 }), fc.nat(100), (specs, size) => {
        const ranges = parseRange(`bytes=${specs.join(",")}`, size);
        if (ranges.kind !== "spans") return;
        let end = -1;
        for (const span of ranges.spans) {
          expect(span.offset).toBeGreaterThan(end);
          expect(span.length).toBeGreaterThan(0);
          end = span.offset + span.length;
        }
        expect(end).toBeLessThanOrEqual(size);
      }),
      { numRuns: 5_000 },
    );
  });
});

describe("encodings", () => {
  test.each([
    ["br, gzip", "br"],
    ["gzip, br;q=0.5", "gzip"],
    ["gzip", "gzip"],
    ["*", "br"],
    ["*;q=0", "identity"],
    ["br;q=0, gzip;q=0", "identity"],
    ["identity, br;q=0.5", "identity"],
    ["deflate", "identity"],
    ["", "identity"],
  ])("%s → %s", (accept, encoding) => {
    expect(negotiate(accept, ["br", "gzip"])).toBe(encoding);
  });

  test("a compressed form has its own validator and length", async () => {
    const found = await get({ "accept-encoding": "br" });
    expect(found.header("content-encoding")).toBe("br");
    expect(found.header("content-length")).toBe("50");
    expect(found.header("etag")).toBe(`"${"ab".repeat(16)}-br"`);
    expect((await get({ "accept-encoding": "br", "if-none-match": `"${"ab".repeat(16)}-br"` })).status).toBe(
      304,
    );
  });

  test("a part is never compressed", async () => {
    const found = await get({ "accept-encoding": "br", range: "bytes=0-1" });
    expect(found.header("content-encoding")).toBeNull();
    expect(found.body).toBe(text.slice(0, 2));
  });
});

test("routes may set headers, but not those that describe the bytes", async () => {
  const headers = [
    ["cache-control", "max-age=60"],
    ["content-type", "text/x-mine"],
    ["content-length", "3"],
    ["etag", '"mine"'],
  ] as const;
  const found = await get({}, { headers });
  expect(found.header("cache-control")).toBe("max-age=60");
  expect(found.header("content-type")).toBe("text/x-mine");
  expect(found.header("content-length")).toBe(String(bytes.length));
  expect(found.header("etag")).toBe(tag);
});

test.each([
  [204, { method: "OPTIONS" }, {}],
  [405, { method: "POST" }, {}],
  [412, {}, { "if-match": '"x"' }],
  [416, {}, { range: "bytes=9999-" }],
  [304, {}, { "if-none-match": tag }],
])("a %i has the headers of routes, but none of a file that it does not send", async (status, ask, given) => {
  const headers: Ask["headers"] = [
    ["access-control-allow-origin", "*"],
    ["access-control-allow-headers", "x-mine"],
    ["content-type", "text/x-mine"],
    ["content-length", "3"],
    ["set-cookie", "a=1"],
    ["set-cookie", "b=2"],
  ];
  const found = await get(given, { ...ask, headers });
  expect(found.status).toBe(status);
  expect(found.header("access-control-allow-origin")).toBe("*");
  expect(found.header("access-control-allow-headers")).toBe("x-mine");
  expect(found.header("content-type")).toBeNull();
  expect(found.header("content-length")).not.toBe("3");
  expect(found.header("set-cookie")).toBe("a=1, b=2");
});

test("a refusal is not kept for as long as the file is", async () => {
  const headers: Ask["headers"] = [["cache-control", "public, max-age=31536000, immutable"]];
  for (const refused of [
    await get({ range: "bytes=9999-" }, { headers }),
    await get({}, { method: "POST", headers }),
  ])
    expect(refused.header("cache-control")).toBeNull();
});

test.each([
  ["index.html", "text/html; charset=utf-8", true],
  ["a.js", "text/javascript; charset=utf-8", true],
  ["a.mjs", "text/javascript; charset=utf-8", true],
  ["a.css", "text/css; charset=utf-8", true],
  ["a.json", "application/json; charset=utf-8", true],
  ["a.js.map", "application/json; charset=utf-8", true],
  ["a.svg", "image/svg+xml; charset=utf-8", true],
  ["a.xml", "text/xml; charset=utf-8", true],
  ["a.webmanifest", "application/manifest+json; charset=utf-8", true],
  ["a.txt", "text/plain; charset=utf-8", true],
  ["a.wasm", "application/wasm", true],
  ["a.woff2", "font/woff2", false],
  ["A.PNG", "image/png", false],
  ["a.avif", "image/avif", false],
  ["a.mp4", "video/mp4", false],
  ["favicon.ico", "image/x-icon", true],
  ["LICENSE", "application/octet-stream", false],
  [".well-known/x", "application/octet-stream", false],
])("%s is %s", (path, type, compressible) => {
  expect(contentTypeOf(path)).toBe(type);
  expect(isCompressible(type)).toBe(compressible);
});
