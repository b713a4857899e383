/** What a deployment is made of, and where its files lie. */

import { join } from "node:path";
import {
  collectSource,
  type FoundFile,
  findRepository,
  hashFiles,
  needsAgent,
  type Repository,
  readTree,
} from "@cloudify/builder";
import type { Client, Project, Source } from "@cloudify/sdk";
import color from "picocolors";
import { buildHere, type Here } from "./build-here.ts";
import type { Context } from "./context.ts";
import { bytes } from "./output.ts";
import { bytesSource, fileSource, textSource } from "./uploads.ts";

export interface Shipment {
  /** Whether the files are the source, which a region builds. */
  isSource: boolean;
  manifest: { path: string; sha256: string; size: number; isExecutable?: true; link?: string }[];
  sources: Source[];
  /** Digest of the log of a build that is done. */
  buildLog: string | null;
}

export interface Wanted extends Here {
  isLocalBuild: boolean;
}

/** Source where a region has to build it; else the output, built here if need be. */
export async function makeShipment(
  context: Context,
  client: Client,
  project: Project,
  wanted: Wanted,
): Promise<Shipment> {
  const { root, mode, isLocalBuild } = wanted;
  if (mode === "auto" && !isLocalBuild) {
    const repository = await findRepository(root, project.settings.rootDirectory);
    if (await needsAgent(join(repository.root, repository.rootDirectory ?? ""), project.settings)) {
      return shipSource(context, client, project, repository);
    }
  }
  const { output, log } = await buildHere(context, client, project, wanted);
  const { found, made } = await readTree(output, root);
  const files = await readAll(context, found);
  const bundles = made.map(([path, content]) => ({ path, source: bytesSource(new Uint8Array(content)) }));
  const buildLog = log === "" ? null : textSource(log);
  return {
    isSource: false,
    manifest: [
      ...files.manifest,
      ...bundles.map(({ path, source: { sha256, size } }) => ({ path, sha256, size })),
    ],
    sources: [...files.sources, ...bundles.map(({ source }) => source), ...(buildLog ? [buildLog] : [])],
    buildLog: buildLog?.sha256 ?? null,
  };
}

async function shipSource(
  context: Context,
  client: Client,
  project: Project,
  repository: Repository,
): Promise<Shipment> {
  const { root, rootDirectory } = repository;
  if (rootDirectory !== null && rootDirectory !== project.settings.rootDirectory) {
    const params = { project: project.id };
    await client.request("PATCH /api/projects/{project}", { params, body: { settings: { rootDirectory } } });
    context.out.note(
      `${project.name} is ${color.bold(rootDirectory)} of ${root}: its rootDirectory is set to that`,
    );
  }
  const found = await collectSource(root);
  context.out.note(color.dim(`A region builds it: sending the source in ${root}`));
  return { isSource: true, ...(await readAll(context, found)), buildLog: null };
}

async function readAll(
  { out }: Context,
  found: readonly FoundFile[],
): Promise<Pick<Shipment, "manifest" | "sources">> {
  const total = found.reduce((sum, file) => sum + file.size, 0);
  let count = 0;
  const hashed = await hashFiles(found, () => {
    count++;
    out.progress(`Reading ${count}/${found.length} files (${bytes(total)})`);
  });
  const manifest = hashed.map(({ path, sha256, size, isExecutable, link }) => ({
    path,
    sha256,
    size,
    ...(isExecutable ? { isExecutable } : {}),
    ...(link === undefined ? {} : { link }),
  }));
  const sources = hashed.map((file) => (file.link === undefined ? fileSource(file) : textSource(file.link)));
  return { manifest, sources: [...new Map(sources.map((source) => [source.sha256, source])).values()] };
}
