/** Everything below /api. Hono routes; the platform gives the request, its place and the environment. */
import { Hono } from "hono";
import { cors } from "hono/cors";

export const config = { runtime: "edge" };

interface Env {
  Bindings: { GREETING?: string };
}

const app = new Hono<Env>().basePath("/api");

app.use(cors());

app.get("/hello/:name", (c) => {
  const { GREETING = "Hello" } = c.env;
  return c.json({ text: `${GREETING}, ${c.req.param("name")}!` });
});

app.get("/where", (c) => c.json({ country: c.req.header("x-cloudify-ip-country") ?? null }));

app.post("/sum", async (c) => {
  const numbers: unknown = await c.req.json().catch(() => null);
  if (!Array.isArray(numbers) || !numbers.every((one) => typeof one === "number")) {
    return c.json({ error: "Send a list of numbers, such as [1, 2, 3]." }, 400);
  }
  return c.json({ sum: numbers.reduce((sum, one) => sum + one, 0) });
});

app.notFound((c) => c.json({ error: `There is nothing at ${c.req.path}.` }, 404));

export default app;
