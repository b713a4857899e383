/** What the CLI itself has to say no to. */
export class CliProblem extends Error {
  readonly code: string;
  readonly fix: string;
  /** 2 for a wrong call, 1 for everything else. */
  readonly exitCode: 1 | 2;

  constructor(code: string, message: string, fix: string, exitCode: 1 | 2 = 1) {
    super(message);
    this.name = "CliProblem";
    this.code = code;
    this.fix = fix;
    this.exitCode = exitCode;
  }
}
