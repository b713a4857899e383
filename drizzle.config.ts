import { defineConfig } from "drizzle-kit";

export default defineConfig({
  dialect: "sqlite",
  schema: ["./core/commit.ts", "./core/outbox.ts", "./features/*/tables.ts"],
  out: "./migrations",
});
