import { notFound, redirect } from "next/navigation";

export const runtime = "edge";

export async function GET(_: Request, { params }: { params: Promise<{ slug: string }> }) {
  const { slug } = await params;
  if (slug === "moved") redirect("/about");
  if (slug === "missing") notFound();
  if (slug === "teapot") return new Response("short and stout", { status: 418 });
  if (slug === "empty") return new Response(null, { status: 204 });
  return new Response(`item ${slug}`, { headers: { "cache-control": "public, max-age=60" } });
}

export async function DELETE() {
  return new Response("gone", { status: 202 });
}
