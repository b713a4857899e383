/** A stage (staging, production) is wrangler.toml with every name suffixed and every id of an account put in. Pure. */

const NAMED = /^((?:name|script_name|service|queue|database_name|bucket_name) = )"(cloudify[a-z-]*)"/gm;
const IDENTIFIED = /^((?:id|database_id) = )"([^"]+)"/gm;

/**
 * @param ids What stands in wrangler.toml → the id in the account of the stage.
 * @throws When an id is missing, or the stage's name can't be part of a name.
 */
export function stageOf(toml: string, stage: string, ids: Record<string, string>): string {
  if (!/^[a-z][a-z0-9-]{0,19}$/.test(stage))
    throw new Error(`"${stage}" is no name for a stage: use a–z, 0–9 and -.`);
  const missing = [...toml.matchAll(IDENTIFIED)].map((found) => found[2] ?? "").filter((id) => !(id in ids));
  if (missing.length > 0) throw new Error(`There are no ids for ${[...new Set(missing)].join(", ")}.`);
  return toml
    .replace(NAMED, (whole, key: string, name: string) =>
      key === "name = " && name === "cloudify" ? whole : `${key}"${name}-${stage}"`,
    )
    .replace(IDENTIFIED, (_, key: string, id: string) => `${key}"${ids[id]}"`);
}
