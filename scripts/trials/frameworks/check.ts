/** Asks a deployed app what it is to answer. */
import { get } from "#tests/support/http.ts";
import type { Check } from "./app.ts";

/** A page that never ends is a failure too. */
const LIMIT_MS = 30_000;

/** @param origin Of the deployment. @returns What is wrong, for people; none: it is as it should be. */
export async function failuresOf(origin: string, checks: readonly Check[]): Promise<string[]> {
  const failures: string[] = [];
  for (const check of checks) {
    const wrong = await Promise.race([failureOf(origin, check).catch(String), late()]);
    if (wrong !== null) failures.push(`${check.what} ${check.method ?? "GET"} ${check.path}: ${wrong}`);
  }
  return failures;
}

const late = (): Promise<string> =>
  new Promise((resolve) =>
    setTimeout(resolve, LIMIT_MS, `no whole answer within ${LIMIT_MS / 1000} s`).unref(),
  );

async function failureOf(origin: string, check: Check): Promise<string | null> {
  const { path, method = "GET", headers = {}, body, status = 200, text, header, refersTo } = check;
  const found = check.form
    ? await send(origin, path, check.form)
    : await get(origin + path, { method, headers, ...(body === undefined ? {} : { body }) });
  const answer = await found.text();
  const beginning = JSON.stringify(answer.slice(0, 200));
  if (found.status !== status) return `${found.status}, not ${status}: ${beginning}`;
  if (text && !text.test(answer)) return `no ${text} in ${beginning}`;
  const value = header && found.headers.get(header[0]);
  if (header && (typeof value !== "string" || !header[1].test(value))) return `${header[0]} is ${value}`;
  if (!refersTo) return null;
  const other = refersTo.exec(answer)?.[1];
  if (other === undefined) return `it refers to no ${refersTo}`;
  const file = await get(origin + other);
  await file.arrayBuffer();
  return file.status === 200 ? null : `${other}, which it refers to, answers ${file.status}`;
}

async function send(origin: string, path: string, fields: Readonly<Record<string, string>>) {
  const page = await (await get(origin + path)).text();
  const form = new FormData();
  for (const [input] of page.matchAll(/<input type="hidden"[^>]*>/g)) {
    const [name, value] = ["name", "value"].map((key) =>
      unescaped(new RegExp(`${key}="([^"]*)"`).exec(input)?.[1]),
    );
    if (name) form.append(name, value ?? "");
  }
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  // What a form is as bytes, and of which type, a Request knows.
  const request = new Request(origin, { method: "POST", body: form });
  const headers = { "content-type": request.headers.get("content-type") ?? "", origin };
  return get(origin + path, { method: "POST", headers, body: await request.text() });
}

const unescaped = (text = ""): string => text.replaceAll("&quot;", '"').replaceAll("&amp;", "&");
