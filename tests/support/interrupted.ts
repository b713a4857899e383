/** A D1 on which something else happens after every trip to it: what a race would do once in a thousand runs. */
import type { D1Database, D1PreparedStatement } from "@cloudflare/workers-types";

export function interrupted(db: D1Database, meanwhile: () => Promise<void>): D1Database {
  const real = new WeakMap<object, D1PreparedStatement>();
  const then = async <T>(trip: Promise<T>): Promise<T> => {
    const result = await trip;
    await meanwhile();
    return result;
  };
  const wrap = (statement: D1PreparedStatement): D1PreparedStatement => {
    const wrapped = {
      bind: (...values: unknown[]) => wrap(statement.bind(...values)),
      all: () => then(statement.all()),
      raw: () => then(statement.raw()),
      run: () => then(statement.run()),
    } as unknown as D1PreparedStatement;
    real.set(wrapped, statement);
    return wrapped;
  };
  return {
    prepare: (text: string) => wrap(db.prepare(text)),
    batch: (statements: D1PreparedStatement[]) =>
      then(db.batch(statements.map((one) => real.get(one) ?? one))),
  } as unknown as D1Database;
}
