/** What the API said when it said no; or that it said nothing. */
export interface ProblemDocument {
  code: string;
  title: string;
  status: number;
  detail: string;
  fix?: string;
  requestId?: string;
  [extension: string]: unknown;
}

export class ApiError extends Error {
  readonly problem: ProblemDocument;

  constructor(problem: ProblemDocument, options?: ErrorOptions) {
    super(problem.detail, options);
    this.name = "ApiError";
    this.problem = problem;
  }
}

export const unreachable = (api: string, cause: unknown): ApiError =>
  new ApiError(
    {
      code: "unavailable",
      title: "It is not available at the moment",
      status: 503,
      detail: `The platform at ${api} does not answer.`,
      fix: "Check that it runs, and that the address is right (--api, CLOUDIFY_API).",
    },
    { cause },
  );

export async function problemOf(response: Response): Promise<ProblemDocument> {
  const text = await response.text();
  try {
    const problem = JSON.parse(text) as ProblemDocument;
    if (typeof problem.code === "string" && typeof problem.detail === "string") return problem;
  } catch {
    // Not ours: something between us and the platform answered.
  }
  const detail = `The platform answered ${response.status} without saying why.`;
  return { code: "internal", title: response.statusText, status: response.status, detail };
}
