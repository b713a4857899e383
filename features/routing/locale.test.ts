import { expect, test } from "vitest";
import { localeTarget } from "./locale.ts";

const locale = {
  redirect: { en: "/", fr: "/fr", "nl-NL": "/nl-NL", de: "http://deutsch.example/" },
  cookie: "NEXT_LOCALE",
};
const at = (url: string, path = new URL(url).pathname) => ({ url: new URL(url), path });
const go = (language: string | null, chosen?: string, place = at("http://app.example/")) =>
  localeTarget(locale, place, chosen === undefined ? {} : { NEXT_LOCALE: chosen }, language);

test("a cookie names a language however it is written, and stands against accept-language", () => {
  for (const chosen of ["nl-NL", "nl-nl", "NL-NL"]) expect(go("fr", chosen)).toBe("/nl-NL");
  expect(go("fr", "en")).toBeNull();
});

test("a language is found as itself, as what it is a kind of, and as the first kind of it", () => {
  expect(go("fr-CA")).toBe("/fr");
  expect(go("nl-nl")).toBe("/nl-NL");
  expect(go("nl, fr;q=0.9")).toBe("/nl-NL");
  expect(go("nl-BE")).toBeNull();
});

test("who is at the host of a language is not sent to it again", () => {
  expect(go("de")).toBe("http://deutsch.example/");
  // As Next.js has it, routes have led there to its pages before.
  for (const path of ["/", "/de"])
    expect(go("de", undefined, at("http://deutsch.example:8787/?a=b", path))).toBeNull();
  expect(go("de", undefined, at("http://deutsch.example/fr"))).toBe("http://deutsch.example/");
});
