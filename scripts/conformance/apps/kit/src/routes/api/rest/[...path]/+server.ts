import { json, type RequestHandler } from "@sveltejs/kit";

export const GET: RequestHandler = ({ params, url }) => json({ path: params.path, search: url.search });
