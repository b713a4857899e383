import { json, type RequestHandler } from "@sveltejs/kit";

const answer: RequestHandler = async ({ request, url, cookies }) => {
  cookies.set("one", "1", { path: "/" });
  cookies.set("two", "2", { path: "/" });
  return json(
    {
      method: request.method,
      query: Object.fromEntries(url.searchParams),
      mine: request.headers.get("x-mine"),
      body: request.method === "GET" ? null : await request.text(),
    },
    { headers: { "x-route": "echo" } },
  );
};

export const GET = answer;
export const PUT = answer;
