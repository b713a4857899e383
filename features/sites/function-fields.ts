/** What several kinds of a function's configuration have in common. */
import { z } from "zod";

const record = z.record(z.string(), z.string());

/** The specification (Build Output API v3, "Primitives") says a list of records; builders write one record. */
export const environment = z.union([
  record,
  z.array(record).transform((all) => Object.assign({}, ...all) as Record<string, string>),
]);

/** Of a file in the function's folder. */
export const nameInFolder = z.string().transform((name) => name.replace(/^\.\//, ""));
