/** Which of Node's own modules an edge function may import: those that workerd has with `nodejs_compat`. Pure. */

const PRESENT = new Set(
  (
    "assert assert/strict async_hooks buffer console constants crypto diagnostics_channel dns dns/promises events fs " +
    "fs/promises http http2 https module net os path path/posix path/win32 perf_hooks process punycode querystring " +
    "readline readline/promises stream stream/consumers stream/promises stream/web string_decoder sys timers " +
    "timers/promises tls trace_events url util util/types zlib"
  ).split(" "),
);
/** Those that isolates do not have, or only pretend to: found out when the function is built, not when it runs. */
const ABSENT = new Set("child_process cluster dgram inspector repl tty v8 vm wasi worker_threads".split(" "));

/** Those, and others that a bundle of somebody else's may name: they can be imported, and do nothing or little. */
const HOLLOW = new Set([...ABSENT, ..."domain inspector/promises sqlite test".split(" ")]);
/** Parts of modules that are there, by names that Node does not speak of. */
const INNER = /^_(?:http|stream|tls)_[a-z]+$/;

/** Whether an import of what an isolate has not at least succeeds. @param name `node:vm`. */
export const loadsHollow = (name: string): boolean => {
  const bare = name.replace(/^node:/, "");
  return HOLLOW.has(bare) || INNER.test(bare);
};

/** @returns What an import of this name is: Node's and there, Node's and not there, or somebody else's. */
export function nodeModule(specifier: string): { is: "present" | "absent"; name: string } | null {
  const name = specifier.replace(/^node:/, "");
  if (PRESENT.has(name)) return { is: "present", name: `node:${name}` };
  return ABSENT.has(name) || specifier.startsWith("node:") ? { is: "absent", name: `node:${name}` } : null;
}
