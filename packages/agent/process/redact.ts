/** Values of secrets out of what a workload says, as the build takes them out of what it says. */
import { needlesOf, Redactor } from "../build/redact.ts";
import type { LineReader } from "./lines.ts";

/** What may be the beginning of a secret is held back for so long when nothing follows. */
const IDLE_MS = 100;

export interface Redaction {
  /** Of one whole text. */
  text(text: string): string;
  /** Of a stream, wherever it is cut into chunks and lines. */
  before(reader: LineReader): LineReader;
}

/** @param secrets Names in `env`. */
export function redaction(env: Record<string, string>, secrets: readonly string[]): Redaction {
  const needles = needlesOf(secrets.flatMap((name) => env[name] ?? []));
  return {
    text(text) {
      const redactor = new Redactor(needles);
      return Buffer.concat([redactor.push(Buffer.from(text)), redactor.end()]).toString();
    },
    before(reader) {
      const redactor = new Redactor(needles);
      let idle: NodeJS.Timeout | undefined;
      return {
        write(chunk) {
          clearTimeout(idle);
          reader.write(redactor.push(chunk));
          idle = setTimeout(() => reader.write(redactor.idle()), IDLE_MS).unref();
        },
        end() {
          clearTimeout(idle);
          reader.write(redactor.end());
          reader.end();
        },
      };
    },
  };
}
