import { expect, test } from "vitest";
import { locationOf } from "./substitute.ts";

test("a redirect leads to an address: what can't stand in one is escaped once, as UTF-8", () => {
  const captures = { 1: "h%C3%A9", cookie: 'a b"<é>' };
  const to = (template: string, search = "") => locationOf(template, captures, new URLSearchParams(search));
  expect(to("/$cookie?was=$cookie")).toBe("/a%20b%22%3C%C3%A9%3E?was=a%20b%22%3C%C3%A9%3E");
  expect(to("/über/$1?größe=ü#ß")).toBe("/%C3%BCber/h%C3%A9?gr%C3%B6%C3%9Fe=%C3%BC#%C3%9F");
  expect(to("/%C3%BCber/日本")).toBe("/%C3%BCber/%E6%97%A5%E6%9C%AC");
  expect(to("https://site.test/é?a=b", "a=1&c=ü")).toBe("https://site.test/%C3%A9?a=b&c=%C3%BC");
});
