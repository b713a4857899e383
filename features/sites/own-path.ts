/** A path inside of a function's folder, as its configuration names it: `./index.js` is `index.js`. */
import { z } from "zod";

export const ownPath = z.string().transform((path) => path.replace(/^\.\//, ""));
