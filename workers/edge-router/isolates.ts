/** Customers' functions will run behind this Worker; it is deployed so that the first version that does finds its place. It refuses everything. */
import { Problem } from "#core/problem.ts";

export default {
  fetch: () => new Problem("not_yet", "The isolates Worker does nothing yet.").toResponse(),
} satisfies ExportedHandler;
