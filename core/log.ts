/** What an error says in a log: its stack and those of its causes, without the values that a query was given. */
export function logText(error: unknown): string {
  const parts: string[] = [];
  for (
    let at = error;
    at !== undefined && parts.length < 4;
    at = at instanceof Error ? at.cause : undefined
  ) {
    parts.push(at instanceof Error ? (at.stack ?? at.message) : String(at));
  }
  // drizzle names them behind its message: hashes of tokens, sealed values.
  return parts.join("\ncaused by ").replace(/\bparams: .*/g, "params: […]");
}
