import { fail, redirect } from "@sveltejs/kit";
import type { Actions } from "./$types";

export const actions: Actions = {
  sign: async ({ request, cookies }) => {
    const data = await request.formData();
    const name = String(data.get("name") ?? "");
    if (name === "") return fail(400, { missing: true });
    cookies.set("visitor", name, { path: "/" });
    redirect(303, "/");
  },
  greet: async ({ request }) => ({ greeting: `Hello ${(await request.formData()).get("name")}` }),
};
