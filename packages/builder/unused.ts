/** What a configuration may set although no build takes it: who builds warns of it, since it would be missed. */

/** @param file Its name, for people. @param config Read, and not checked. @returns Warnings. */
export function unusedIn(file: string, { regions }: { regions?: unknown }): string[] {
  const isSet = Array.isArray(regions) ? regions.length > 0 : (regions ?? null) !== null;
  return isSet
    ? [
        `\`regions\` of ${file} is not used: set it with \`cloudify projects set <project> --regions\`, ` +
          "or in a function's own configuration",
      ]
    : [];
}
