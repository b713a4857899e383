import { headers } from "next/headers";
import { notFound, redirect } from "next/navigation";

export const runtime = "edge";

export async function generateMetadata({ params }: { params: Promise<{ slug: string }> }) {
  return { title: `Edge ${(await params).slug}` };
}

interface Props {
  params: Promise<{ slug: string }>;
  searchParams: Promise<Record<string, string>>;
}

export default async function Page({ params, searchParams }: Props) {
  const { slug } = await params;
  if (slug === "missing") notFound();
  if (slug === "moved") redirect("/about");
  const given = await headers();
  return (
    <main>
      <h1>Slug {slug}</h1>
      <p id="query">{JSON.stringify(await searchParams)}</p>
      <p id="middleware">{given.get("x-from-middleware") ?? "no middleware"}</p>
      <p id="taken">{given.get("x-taken-away") ?? "taken away"}</p>
    </main>
  );
}
