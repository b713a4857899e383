import { error } from "@sveltejs/kit";
import type { PageServerLoad } from "./$types";

export const load: PageServerLoad = ({ params }) => {
  if (params.slug === "missing") error(404, "There is no such item");
  return { slug: params.slug };
};
