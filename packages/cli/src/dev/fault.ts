/** What is wrong with the project at the moment, for the terminal, for a page, and for programs. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { BuildProblem, type Place } from "@cloudify/builder";
import { ApiError } from "@cloudify/sdk";
import color from "picocolors";
import { CliProblem } from "../problem.ts";
import { excerptOf } from "./excerpt.ts";

export interface Fault {
  code: string;
  title: string;
  detail: string;
  fix: string;
  /** Where in the sources, when that is known. */
  place: Place | null;
  /** Lines around the place; empty when it is not known. */
  excerpt: string;
  /** Where it was called from. */
  callers: readonly Place[];
}

export const whereOf = ({ file, line, column }: Place): string => `${file}:${line}:${column}`;

/** @param root The project's folder. */
export async function faultOf(error: unknown, root: string): Promise<Fault> {
  if (error instanceof BuildProblem) {
    const { code, message, fix, place } = error;
    const excerpt = await readExcerpt(root, place);
    // The message says the place, and shows one line of it, for those who have no page.
    const detail = place ? (message.split("\n")[0] ?? "").replace(`${whereOf(place)}: `, "") : message;
    return { code, title: "The build failed", detail, fix, place, excerpt, callers: [] };
  }
  if (error instanceof ApiError) {
    const { code, title, detail = title, fix = "" } = error.problem;
    return { ...NOWHERE, code, title, detail, fix };
  }
  const detail = error instanceof Error ? error.message : String(error);
  const fix = error instanceof CliProblem ? error.fix : "Save a file to try again.";
  return { ...NOWHERE, code: "internal", title: "It could not be served", detail, fix };
}

const NOWHERE = { place: null, excerpt: "", callers: [] };

/** A function threw while it answered. */
export async function thrownFault(message: string, places: readonly Place[], root: string): Promise<Fault> {
  const [place = null, ...callers] = places;
  const excerpt = await readExcerpt(root, place);
  const fix = "Correct it, and load the page again.";
  return {
    code: "function_failed",
    title: "A function failed",
    detail: message,
    fix,
    place,
    excerpt,
    callers,
  };
}

async function readExcerpt(root: string, place: Place | null): Promise<string> {
  if (!place) return "";
  const source = await readFile(resolve(root, place.file), "utf8").catch(() => "");
  return excerptOf(source, place.line, place.column);
}

export function terminalText({ detail, fix, place, excerpt, callers }: Fault): string {
  const where = place ? `${color.cyan(whereOf(place))} ` : "";
  return [
    `${color.red("error")} ${where}${detail}`,
    ...(excerpt === "" ? [] : [excerpt]),
    ...callers.map((one) => color.dim(`  from ${whereOf(one)}`)),
    ...(fix === "" ? [] : [color.dim(fix)]),
  ].join("\n");
}
