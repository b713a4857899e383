/** Values of secrets out of the lines of a workload. Pure. */
import { SECRET_LENGTH, secretForms } from "@cloudify/protocol";

/** @returns What replaces each value, in whatever form it stands, by the name of its variable in brackets. */
export function redactor(env: Record<string, string>, secrets: readonly string[]): (text: string) => string {
  const sought = secrets
    .flatMap((name) => secretForms(env[name] ?? "").map((form) => ({ form, name })))
    .filter(({ form }) => form.length >= SECRET_LENGTH)
    // The longest first, since it may hold another.
    .sort((a, b) => b.form.length - a.form.length);
  return (text) => sought.reduce((rest, { form, name }) => rest.replaceAll(form, `[${name}]`), text);
}
