/**
 * A frozen environment as the edge finds it. R2 key `env/<team>/<digest>`: sealed with the edge key, bound to its own
 * name; the plain text is the canonical JSON of a {@link FrozenEnvironment}.
 */
export interface FrozenEnvironment {
  v: 1;
  /** By name. What the platform owns will stand here as a reference, and be resolved when an isolate starts. */
  values: Record<string, string>;
  /** Names whose values must not appear in a log. Not there in what was frozen before there were any: then all of them. */
  secrets?: string[];
}

export const environmentKey = (team: string, digest: string): string => `env/${team}/${digest}`;
