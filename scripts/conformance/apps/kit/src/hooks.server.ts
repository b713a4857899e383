import type { Handle } from "@sveltejs/kit";

export const handle: Handle = async ({ event, resolve }) => {
  event.locals.visitor = event.cookies.get("visitor") ?? "nobody";
  const response = await resolve(event);
  response.headers.set("x-hooked", event.url.pathname);
  return response;
};
