/** What `cloudify dev` says in the terminal. */
import color from "picocolors";
import type { Output } from "../output.ts";
import { type Fault, terminalText } from "./fault.ts";
import type { Served } from "./front.ts";
import type { Line } from "./lines.ts";

export interface Ready {
  ms: number;
  /** Relative paths; empty at the start. */
  changed: readonly string[];
  bundled: readonly string[];
}

export class Screen {
  readonly #out: Output;

  constructor(out: Output) {
    this.#out = out;
  }

  ready({ ms, changed, bundled }: Ready): void {
    const what = changed.length === 0 ? "" : ` (${listed(changed)})`;
    const made = bundled.length === 0 ? "" : `, bundled ${listed(bundled)}`;
    this.note(`${color.green("ready")} in ${ms} ms${what}${made}`);
  }

  served({ method, path, status, ms }: Served): void {
    const shown =
      status >= 500 ? color.red(status) : status >= 400 ? color.yellow(status) : color.green(status);
    this.note(`${method} ${path} ${shown} ${ms} ms`);
  }

  line({ name, level, text }: Line): void {
    const shown = level === "error" ? color.red(text) : level === "warn" ? color.yellow(text) : text;
    const mark = color.dim(`  ${name} │`);
    for (const one of shown.split("\n")) this.note(`${mark} ${one}`);
  }

  fault(fault: Fault): void {
    this.note(terminalText(fault));
  }

  quiet(text: string): void {
    this.note(color.dim(text));
  }

  note(text: string): void {
    this.#out.note(text);
  }
}

const listed = (names: readonly string[]): string =>
  names.length > 3 ? `${names.slice(0, 3).join(", ")} and ${names.length - 3} more` : names.join(", ");
