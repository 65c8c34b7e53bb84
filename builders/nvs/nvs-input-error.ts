// The error for entries that cannot become an image. Touches nothing.
import { VisibleError } from "../../model/visible-error.ts";

/** What is wrong with one row of the input. */
export interface NvsRowProblem {
  /** Index of the row in the list that was given, or -1 if it concerns the image as a whole. */
  row: number;
  message: string;
}

/** All that is wrong with the rows of one image, at once. */
export class NvsInputError extends VisibleError {
  readonly problems: NvsRowProblem[];

  constructor(problems: NvsRowProblem[]) {
    super(problems.map((problem) => problem.message).join("\n"));
    this.name = "NvsInputError";
    this.problems = problems;
  }
}
