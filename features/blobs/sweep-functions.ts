/**
 * Which code of functions, and which workloads, the kept sites name. Only their heads say so, and these lie in R2: each is read once, and what
 * it names is kept as rows, so that the sweep asks D1 alone. Knows nothing of what is deleted.
 */
import type { Base } from "#core/ctx.ts";
import { type SiteHead, siteKey } from "#features/sites/site.ts";

/** Sites read in one run; each head has at most 1 MiB. */
const SITES = 50;
const AT_ONCE = 5;
/** Sites that no deployment names any more, in one run. */
const FORGOTTEN = 100;

/** @returns Whether all sites of deployments are read. Until then nobody can say of any code that no site names it. */
export async function readSites(base: Base): Promise<boolean> {
  // A site is forgotten as a whole: of one that an equal deployment brings back, nothing may be missing.
  await base.d1
    .prepare(
      `delete from site_functions where site in (select s.site from site_functions s
         where s.code = '' and not exists (select 1 from deployments d where d.site = s.site) limit ?1)`,
    )
    .bind(FORGOTTEN)
    .run();
  const { results } = await base.d1
    .prepare(
      `select distinct d.site from deployments d where d.site is not null
         and not exists (select 1 from site_functions s where s.site = d.site and s.code = '') limit ?1`,
    )
    .bind(SITES)
    .all<{ site: string }>();
  for (let at = 0; at < results.length; at += AT_ONCE)
    await Promise.all(results.slice(at, at + AT_ONCE).map(({ site }) => readSite(base, site)));
  return results.length < SITES;
}

/** A head that is lost names nothing: its site can't be served. The row that says that it was read comes with the others. */
async function readSite(base: Base, site: string): Promise<void> {
  const head = await (await base.blobs.get(siteKey(site)))?.json<SiteHead>();
  const codes = Object.values(head?.functions ?? {}).flatMap((one) => ("code" in one ? [one.code] : []));
  codes.push(...Object.values(head?.workloads ?? {}));
  await base.d1
    .prepare("insert or ignore into site_functions (site, code) select ?1, value from json_each(?2)")
    .bind(site, JSON.stringify(["", ...new Set(codes)]))
    .run();
}
