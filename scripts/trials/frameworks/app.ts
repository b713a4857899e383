/** What an app is made of and asked, and what all of them have in common. Data. */

export interface App {
  name: string;
  /** Commands, as words, that make the app's folder, `app`, in a folder that is there. None: it is made of `files` alone. */
  scaffold: readonly (readonly string[])[];
  /** What is written into the app afterwards. */
  files: Readonly<Record<string, string>>;
  /** Files of the scaffold that would stand in the way. */
  without?: readonly string[];
  checks: readonly Check[];
}

export interface Check {
  what: "action" | "ssr" | "static" | "asset" | "api" | "prerendered" | "middleware" | "stream";
  path: string;
  method?: "POST";
  headers?: Readonly<Record<string, string>>;
  body?: string;
  /** The form of the page at `path` is sent, as a browser without scripts does, with these fields beside its hidden ones. */
  form?: Readonly<Record<string, string>>;
  /** 200 unless it says otherwise. */
  status?: number;
  text?: RegExp;
  header?: readonly [name: string, value: RegExp];
  /** Finds the path of another file in the text, which has to answer 200 as well. */
  refersTo?: RegExp;
}

export const ROBOTS = "User-agent: *\nAllow: /\n";
export const FILE: Check = { what: "static", path: "/robots.txt", text: /^User-agent: \*/ };
const JSON_TYPE = { "content-type": "application/json" };

/** Every one of them answers like this below `/api`. */
export const API: readonly Check[] = [
  { what: "api", path: "/api/hello?name=Ada", text: /"hello":\s*"Ada"/, header: ["content-type", /json/] },
  {
    what: "api",
    path: "/api/sum",
    method: "POST",
    headers: JSON_TYPE,
    body: "[1,2,3.5]",
    text: /"sum":\s*6\.5/,
  },
];
/** Two visitors, two pages: it was rendered for them. */
export const SSR: readonly Check[] = ["Ada", "Grace"].map((name) => ({
  what: "ssr" as const,
  path: `/ssr?name=${name}`,
  text: new RegExp(`Hello (?:<!-- -->)?${name}`),
  header: ["content-type", /^text\/html/] as const,
}));
