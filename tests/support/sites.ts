/** Folders to deploy, written where a test wants them. */
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ApiError, type Client, type Deployment, uploadAll } from "@cloudify/sdk";

export function folder(files: Record<string, string | Buffer>, name = "site"): string {
  const root = join(mkdtempSync(join(tmpdir(), "cloudify-site-")), name);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return root;
}

export const sha256 = (content: string | Buffer): string =>
  createHash("sha256").update(content).digest("hex");

export const entry = (path: string, content: string | Buffer) => ({
  path,
  sha256: sha256(content),
  size: Buffer.byteLength(content),
});

/** A Build Output tree with these static files, and this configuration. */
export const tree = (files: Record<string, string>, config: object = {}): Record<string, string> => ({
  "config.json": JSON.stringify({ version: 3, ...config }),
  ...Object.fromEntries(Object.entries(files).map(([path, text]) => [`static/${path}`, text])),
});

export const upload = (client: Client, ...contents: (string | Buffer)[]): Promise<void> =>
  uploadAll(
    client,
    contents.map((content) => {
      const bytes = Buffer.from(content);
      return { sha256: sha256(bytes), size: bytes.length, load: async () => new Blob([bytes]) };
    }),
  );

/** Through the API alone: uploads, creates, and waits for the end. */
export async function deployTree(
  client: Client,
  project: string,
  files: Record<string, string>,
  more: { target?: string; git?: { branch: string } } = {},
): Promise<Deployment> {
  await upload(client, ...Object.values(files));
  const body = { files: Object.entries(files).map(([path, text]) => entry(path, text)), ...more };
  const made = await client.request("POST /api/projects/{project}/deployments", {
    params: { project },
    body,
  });
  return finished(client, made.id);
}

export async function finished(client: Client, deployment: string): Promise<Deployment> {
  for await (const _ of client.follow(deployment, 0, undefined, "ended")) {
    // Its log ends when it has.
  }
  return client.request("GET /api/deployments/{deployment}", { params: { deployment } });
}

/** The code of the problem that a request ends with. */
export async function codeOf(asked: Promise<unknown>): Promise<string> {
  try {
    await asked;
    return "ok";
  } catch (error) {
    if (error instanceof ApiError) return error.problem.code;
    throw error;
  }
}
