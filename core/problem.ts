/**
 * The one error of the house (RFC 9457, `application/problem+json`), for two audiences: `title`, `detail` and `fix` are
 * the caller's, `cause` is the log's and is never sent. The registry is append-only: a code once shipped keeps its
 * meaning and its status.
 */

/** Code → HTTP status and the title that stands for every occurrence. */
export const PROBLEMS = {
  bad_request: [400, "The request can't be understood"],
  invalid_input: [400, "The input is not valid"],
  invalid_json: [400, "The body is not JSON"],
  digest_mismatch: [400, "The bytes do not match their digest"],
  size_mismatch: [400, "The size does not match"],
  unauthenticated: [401, "Authentication is needed"],
  token_expired: [401, "The token has expired"],
  token_revoked: [401, "The token was revoked"],
  forbidden: [403, "The token may not do this"],
  mitigated: [403, "The request was denied"],
  not_found: [404, "Not found"],
  method_not_allowed: [405, "The method is not allowed here"],
  conflict: [409, "Something else changed it first"],
  name_taken: [409, "The name is taken"],
  missing_blobs: [409, "Some files are not uploaded yet"],
  illegal_transition: [409, "The deployment can't do this in its state"],
  in_use: [409, "It is still in use"],
  fenced: [409, "Another has taken over"],
  leased: [409, "Another holds the region"],
  idempotency_in_progress: [409, "The same request is still under way"],
  length_required: [411, "A content-length is needed"],
  too_large: [413, "It is too large"],
  uri_too_long: [414, "The address is too long"],
  unsupported_media_type: [415, "The content type is not supported"],
  too_many_files: [422, "The deployment has too many files"],
  invalid_manifest: [422, "The manifest is not valid"],
  invalid_output: [422, "The build output is not valid"],
  functions_not_yet: [422, "The output needs functions"],
  idempotency_mismatch: [422, "The idempotency key was used for another request"],
  not_yet: [422, "Nothing uses this setting yet"],
  protected: [422, "It is protected"],
  function_too_large: [422, "The function is too large"],
  bundle_failed: [422, "The source can't be bundled"],
  protocol_unsupported: [426, "No version of the protocol is spoken by both"],
  headers_too_large: [431, "The request headers are too large"],
  canceled: [499, "It was canceled"],
  internal: [500, "Something went wrong on our side"],
  function_failed: [500, "The function failed"],
  upstream_failed: [502, "What stands behind this did not answer well"],
  unavailable: [503, "It is not available at the moment"],
  deadline_exceeded: [504, "It took too long"],
  function_timeout: [504, "The function did not answer in time"],
  function_unresponsive: [504, "The function does not respond"],
  loop_detected: [508, "The request runs in a circle"],
  insufficient_storage: [507, "There is no space left"],
} as const satisfies Record<string, readonly [status: number, title: string]>;

export type ProblemCode = keyof typeof PROBLEMS;

/** The wire form: RFC 9457 section 3.1, with `code`, `fix` and `requestId` as extension members (section 3.2). */
export interface ProblemDocument {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: ProblemCode;
  fix?: string;
  requestId?: string;
  [extension: string]: unknown;
}

interface Options {
  /** What the caller can do about it. */
  fix?: string;
  /** For the log only; never sent. */
  cause?: unknown;
  /** Further members of the document, for programs: `{ missing: […] }`. */
  extensions?: Record<string, unknown>;
}

export class Problem extends Error {
  readonly code: ProblemCode;
  readonly fix: string | undefined;
  readonly extensions: Record<string, unknown>;

  constructor(code: ProblemCode, detail: string, options: Options = {}) {
    super(detail, { cause: options.cause });
    this.name = "Problem";
    this.code = code;
    this.fix = options.fix;
    this.extensions = options.extensions ?? {};
  }

  get status(): number {
    return PROBLEMS[this.code][0];
  }

  toDocument(requestId?: string): ProblemDocument {
    return {
      ...this.extensions,
      type: `https://cloudify.dev/problems/${this.code}`,
      title: PROBLEMS[this.code][1],
      status: this.status,
      detail: this.message,
      code: this.code,
      ...(this.fix === undefined ? {} : { fix: this.fix }),
      ...(requestId === undefined ? {} : { requestId }),
    };
  }

  toResponse(requestId?: string): Response {
    return new Response(`${JSON.stringify(this.toDocument(requestId))}\n`, {
      status: this.status,
      headers: { "content-type": "application/problem+json", "cache-control": "no-store" },
    });
  }
}

/** Absent and forbidden look the same, so an id of another team tells nothing. */
export const notFound = (what: string): Problem =>
  new Problem("not_found", `There is no ${what} of this name or id in this team.`, {
    fix: `Check the name or id, and that the token belongs to the team that owns the ${what}.`,
  });
