import { expect, test } from "vitest";
import { adaptModules } from "./adapted.ts";

const held = {
  "lib/d.json": { json: { a: 1 } },
  "lib/x.css": { text: "a{}" },
  "lib/bad.json": { data: "e30" },
};
const adapt = (js: string, name = "lib/a.js"): unknown =>
  (adaptModules({ ...held, [name]: { js } })[name] as { js: string }).js;

test.each([
  'import d from "./d.json" with { type: "json" };',
  "import d from './d.json' with {\n  'type': \"json\",\n};",
  'import d from "./d.json" assert { type: "json" };',
  'export { default } from "./d.json" with { type: "json" };',
  'export * as d from "./d.json"with{type:"json"}',
  'const d = await import("./d.json", { with: { type: "json" } });',
  'const d = await import("./d.json", {\n "assert": { "type": "json", }, },);',
])("of %s, whose module is JSON, the attribute is blank", (text) => {
  const from = text.indexOf("d.json") + 'd.json"'.length;
  const to = text.includes("await") ? text.lastIndexOf(")") : text.lastIndexOf("}") + 1;
  const blank = text.slice(from, to).replace(/[^\n]/g, " ");
  expect(adapt(`${text}\nrest({ with: {} })`)).toBe(
    `${text.slice(0, from)}${blank}${text.slice(to)}\nrest({ with: {} })`,
  );
});

test.each([
  'import d from "./x.css" with { type: "css" };',
  'import d from "./bad.json" with { type: "json" };',
  'import d from "./d.json" with { type: "text" };',
  'const d = await import("./d.json", { with: { type } });',
  'import d from "./d.json"\nassert({ type: "json" });',
  '"import d from \\"./d.json\\" with { type: \\"json\\" }"',
  "const url = import.meta.urls ?? import.meta.url_;",
  "// import.meta.url\nconst text = 'import.meta.url' + /import.meta.url/;",
  'import.meta.url ??= "file:///mine"; export default import.meta.url;',
  "import.meta.url; ((",
])("%s stays as it is", (text) => expect(adapt(text)).toBe(text));

test("a module's address is that of its path, on the lines that it stood on", () => {
  const text = "const a = (import.meta.url), b = import.meta\n  .url, c = import.meta?.url === a;\nlet d;";
  expect(adapt(text, "lib/[a] b#?%.js")).toBe(
    text.replaceAll(/import\.meta(\n?)\s*\??\.url/g, '"file:///lib/%5Ba%5D%20b%23%3F%25.js"$1'),
  );
});
