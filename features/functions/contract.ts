/** Single functions, sent as source. A function is a project that holds one function and nothing else. */
import { z } from "@hono/zod-openapi";
import { type Contract, MillisSchema, op, PageQuery, page } from "#core/contract.ts";
import { SlugSchema } from "#features/accounts/contract.ts";
import { Failure, StatusSchema } from "#features/deployments/contract.ts";
import { Canary } from "#features/projects/contract.ts";

export const MAX_SOURCE_BYTES = 2 * 1024 * 1024;
const MAX_FILES = 1_000;
const MAX_IMPORTS = 1_000;

const path = z
  .string()
  .min(1)
  .max(512)
  .refine(
    (text) => !text.startsWith("/") && !/(?:^|\/)\.{0,2}(?:\/|$)/.test(text) && !/[\\\0]/.test(text),
    "a path inside the function, with slashes",
  );

export const FunctionAnswer = z
  .object({
    id: z
      .string()
      .openapi({ description: "Also the id of its project: variables, logs and rollouts go by it" }),
    name: SlugSchema,
    teamId: z.string(),
    url: z.string(),
    live: z
      .string()
      .nullable()
      .openapi({ description: "The version that everybody gets, a deployment's id" }),
    canary: Canary.nullable(),
    held: z.boolean().openapi({
      description: "After a revert: new versions take no visitors until one is rolled out to all",
    }),
    newest: z
      .object({ deploymentId: z.string(), state: StatusSchema, error: Failure.nullable(), url: z.string() })
      .openapi({ description: "The version that was sent last" }),
    unresponsiveAt: MillisSchema.nullable().openapi({
      description: "When its isolate was last ended because it did not respond, within the last hour",
    }),
    createdAt: MillisSchema,
    updatedAt: MillisSchema,
  })
  .openapi("Function");

const Deployed = FunctionAnswer.extend({
  deploymentId: z.string().openapi({
    description: "The version that this call made; `newest` may be another's by now",
  }),
}).openapi("DeployedFunction");

const Source = z
  .object({
    name: SlugSchema,
    source: z.string().min(1).optional().openapi({ description: "The function, when it is one file" }),
    files: z
      .record(path, z.string())
      .optional()
      .openapi({ description: "Path → text, when it is several; at most 2 MiB together" }),
    entry: path
      .optional()
      .openapi({ description: "Which of the files exports the handler; index.ts by itself" }),
    imports: z.record(z.string().min(1).max(512), z.string().min(1).max(512)).optional().openapi({
      description:
        "An import map: a name, or a prefix that ends with `/` → a path of `files`, `./vendor/lib.js`",
    }),
    percent: z.number().int().min(1).max(100).optional().openapi({
      description:
        "Of the visitors get this version once it is ready; see /api/projects/{project}/rollout. Absent: all",
    }),
  })
  .refine((input) => (input.source === undefined) !== (input.files === undefined), {
    message: "either source or files",
    path: ["source"],
  })
  .refine((input) => Object.keys(input.files ?? {}).length <= MAX_FILES, {
    message: `at most ${MAX_FILES} files`,
    path: ["files"],
  })
  .refine((input) => Object.keys(input.imports ?? {}).length <= MAX_IMPORTS, {
    message: `at most ${MAX_IMPORTS} names`,
    path: ["imports"],
  });

const params = z.object({ function: z.string().openapi({ description: "Id or name" }) });

export const functions = {
  list: op({
    method: "GET",
    path: "/api/functions",
    tag: "Functions",
    summary: "List functions",
    query: PageQuery,
    output: page(FunctionAnswer),
    scope: "projects:read",
  }),
  deploy: op({
    method: "POST",
    path: "/api/functions",
    tag: "Functions",
    summary: "Deploy a function from source",
    description:
      "Makes the function if there is none of this name, and a new version of it. The source is bundled by esbuild, without " +
      "files or network of its own. `bundle_failed` carries `errors`, each with file, line, column and excerpt.",
    body: Source,
    output: Deployed,
    status: 201,
    scope: "deployments:write",
    audit: "function.deploy",
    problems: ["name_taken", "bundle_failed", "function_too_large", "unavailable"],
  }),
  get: op({
    method: "GET",
    path: "/api/functions/{function}",
    tag: "Functions",
    summary: "Show a function",
    params,
    output: FunctionAnswer,
    scope: "projects:read",
    problems: ["not_found"],
  }),
  remove: op({
    method: "DELETE",
    path: "/api/functions/{function}",
    tag: "Functions",
    summary: "Remove a function with all its versions and variables",
    params,
    output: null,
    status: 204,
    scope: "projects:write",
    audit: "project.remove",
    problems: ["not_found"],
  }),
} satisfies Contract;
