/** What goes wrong in a build, for people: what happened, and what to do. */
export interface Place {
  /** Relative to the project's folder, with slashes. */
  file: string;
  /** Both count from 1. */
  line: number;
  column: number;
}

export class BuildProblem extends Error {
  readonly code: string;
  readonly fix: string;
  /** Where in the sources, when that is known. */
  readonly place: Place | null;

  constructor(code: string, message: string, fix: string, place: Place | null = null) {
    super(message);
    this.name = "BuildProblem";
    this.code = code;
    this.fix = fix;
    this.place = place;
  }
}
