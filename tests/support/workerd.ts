/** Path of workerd's binary, which the package tells by another name where a test runner has transformed its imports. */
import { createRequire } from "node:module";

export const WORKERD = (createRequire(import.meta.url)("workerd") as { default: string }).default;
