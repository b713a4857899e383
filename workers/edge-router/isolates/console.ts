/**
 * A console that prints as Node's does, as text: it runs in each customer's isolate, where the runtime has methods of
 * these names that print nothing. Knows neither requests nor limits: whoever installs it says what becomes of a line.
 */

/**
 * `installConsole(console, { format, inspect, now, emit, state })`: `emit(level, text)` takes each line; `state()` holds
 * the indentation, counters and timers of whoever is printing.
 */
export const consoleText = `
function installConsole(console, { format, inspect, now, emit, state }) {
  const say = (level, text) => emit(level, state().indent + text.replaceAll("\\n", "\\n" + state().indent));
  const plain = (args) => format({ colors: false }, ...args);
  for (const level of ["log", "info", "debug", "warn", "error"]) {
    console[level] = (...args) => say(level, plain(args));
  }
  console.trace = (...args) => {
    const error = { name: "Trace", message: plain(args) };
    Error.captureStackTrace(error, console.trace);
    const head = error.message === "" ? "Trace" : "Trace: " + error.message;
    say("trace", head + error.stack.slice(error.stack.indexOf("\\n    at ")));
  };
  console.dir = (item, options) => say("log", inspect(item, { customInspect: false, ...options, colors: false }));
  console.dirxml = (...args) => say("log", plain(args));
  console.assert = (claim, ...args) => {
    if (claim) return;
    if (typeof args[0] === "string") args[0] = "Assertion failed: " + args[0];
    else args.unshift("Assertion failed");
    say("warn", plain(args));
  };

  console.count = (label = "default") => {
    const { counts } = state();
    counts.set(String(label), (counts.get(String(label)) ?? 0) + 1);
    say("log", label + ": " + counts.get(String(label)));
  };
  console.countReset = (label = "default") => {
    if (!state().counts.delete(String(label))) say("warn", "Count for '" + label + "' does not exist");
  };

  console.time = (label = "default") => {
    const { timers } = state();
    if (timers.has(String(label))) say("warn", "Label '" + label + "' already exists for console.time()");
    else timers.set(String(label), now());
  };
  const elapsed = (name, label, data) => {
    const since = state().timers.get(String(label));
    if (since === undefined) say("warn", "No such label '" + label + "' for console." + name + "()");
    else say("log", plain(["%s: %s", String(label), duration(now() - since), ...data]));
  };
  const duration = (ms) => {
    if (ms < 1000) return Number(ms.toFixed(3)) + "ms";
    if (ms < 60000) return (ms / 1000).toFixed(3) + "s";
    const parts = [Math.floor(ms / 60000), ((ms % 60000) / 1000).toFixed(3).padStart(6, "0")];
    return parts.join(":") + " (m:ss.mmm)";
  };
  console.timeLog = (label = "default", ...data) => elapsed("timeLog", label, data);
  console.timeEnd = (label = "default") => {
    elapsed("timeEnd", label, []);
    state().timers.delete(String(label));
  };

  console.group = (...args) => {
    if (args.length > 0) console.log(...args);
    state().indent += "  ";
  };
  console.groupCollapsed = console.group;
  console.groupEnd = () => { state().indent = state().indent.slice(2); };

  console.table = (data, properties) => {
    if (data === null || typeof data !== "object") return console.log(data);
    const cell = (value) => {
      const isWide = value !== null && typeof value === "object" && !Array.isArray(value) && Object.keys(value).length > 2;
      return inspect(value, { depth: isWide ? -1 : 0, maxArrayLength: 3, breakLength: Infinity, colors: false });
    };
    const numbers = (length) => Array.from({ length }, (_, i) => String(i));
    if (data instanceof Map) {
      const all = [...data];
      const columns = [numbers(all.length), all.map(([key]) => cell(key)), all.map(([, value]) => cell(value))];
      return say("log", tableOf(["(iteration index)", "Key", "Values"], columns));
    }
    if (data instanceof Set) {
      const all = [...data].map(cell);
      return say("log", tableOf(["(iteration index)", "Values"], [numbers(all.length), all]));
    }
    const rows = Object.keys(data);
    const columns = new Map((properties ?? []).map((key) => [String(key), []]));
    const values = [];
    for (const [i, row] of rows.entries()) {
      const item = data[row];
      if (item === null || (typeof item !== "object" && typeof item !== "function")) values[i] = cell(item);
      else for (const key of properties ?? Object.keys(item)) {
        if (!columns.has(String(key))) columns.set(String(key), []);
        columns.get(String(key))[i] = Object.hasOwn(item, key) ? cell(item[key]) : "";
      }
    }
    if (values.length > 0) columns.set("Values", values);
    say("log", tableOf(["(index)", ...columns.keys()], [rows, ...columns.values()]));
  };
  const widthOf = (text) => [...text].length;
  const tableOf = (head, columns) => {
    const length = columns[0].length;
    const lines = [head, ...Array.from({ length }, (_, i) => columns.map((column) => column[i] ?? ""))];
    const widths = head.map((_, i) => Math.max(...lines.map((line) => widthOf(line[i]))));
    const rule = (left, middle, right) => left + widths.map((width) => "─".repeat(width + 2)).join(middle) + right;
    const shown = lines.map((line) =>
      "│ " + line.map((text, i) => text + " ".repeat(widths[i] - widthOf(text))).join(" │ ") + " │");
    return [rule("┌", "┬", "┐"), shown[0], rule("├", "┼", "┤"), ...shown.slice(1), rule("└", "┴", "┘")].join("\\n");
  };
}
`;
