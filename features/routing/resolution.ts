/** What the resolver is asked and asks, and what it finds: its words. Types only. */
import type { HeaderList } from "#core/headers.ts";
import type { Verdict } from "#features/functions/middleware.ts";
import type { RequestChange } from "./transforms.ts";

export interface RoutingRequest {
  method: string;
  url: URL;
  header(name: string): string | null;
}

/** What a middleware decided: an answer of its own, or how the request goes on. `fault`: it could not decide. */
export type Decision<Answer> =
  | { kind: "answer"; answer: Answer }
  | { kind: "fault"; status: number; answer: Answer }
  | Extract<Verdict, { kind: "go-on" }>;

/** @param url As the visitor sees it, with the query that routes have added. @param changes Of earlier ones. */
export type Middleware<Answer> = (
  name: string,
  url: URL,
  changes: readonly RequestChange[],
) => Promise<Decision<Answer>>;

/** @param pathname As in a URL: with a leading slash, percent-encoded. */
export type FindOutput<Output> = (pathname: string) => Promise<Output | undefined>;

export type Resolution<Output, Answer> = Found<Output, Answer> & {
  /** Names of headers that stand whatever a function says; of the others, what it says stands. */
  firm: ReadonlySet<string>;
  /** How the finished answer's headers are to be changed. */
  responseChanges: readonly RequestChange[];
};

/** What stands of the headers when an output that was found could not answer. */
export interface Said {
  headers: HeaderList;
  firm: ReadonlySet<string>;
  changes: readonly RequestChange[];
}

export type Found<Output, Answer> =
  | { kind: "answer"; answer: Answer; headers: HeaderList }
  | {
      kind: "output";
      output: Output;
      pathname: string;
      /** `null`: as it came. */
      query: URLSearchParams | null;
      status: number | null;
      headers: HeaderList;
      /** What middlewares changed of the request's headers. */
      changes: readonly RequestChange[];
      /** The path that a function is to see instead of the visitor's; percent-encoded. */
      shownPath: string | null;
    }
  | { kind: "redirect"; status: number; location: string; headers: HeaderList }
  | {
      kind: "external";
      url: string;
      status: number | null;
      headers: HeaderList;
      changes: readonly RequestChange[];
    }
  | { kind: "status"; status: number; headers: HeaderList };
