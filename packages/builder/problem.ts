/** What goes wrong in a build, for people: what happened, and what to do. */
export class BuildProblem extends Error {
  readonly code: string;
  readonly fix: string;

  constructor(code: string, message: string, fix: string) {
    super(message);
    this.name = "BuildProblem";
    this.code = code;
    this.fix = fix;
  }
}
