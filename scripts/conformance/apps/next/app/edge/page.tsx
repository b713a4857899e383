import { cookies, headers } from "next/headers";

export const runtime = "edge";

export default async function Edge({ searchParams }: { searchParams: Promise<Record<string, string>> }) {
  const given = await headers();
  const jar = await cookies();
  return (
    <main>
      <h1>Rendered at the edge</h1>
      <p id="query">{JSON.stringify(await searchParams)}</p>
      <p id="agent">{given.get("user-agent")}</p>
      <p id="cookie">{jar.get("name")?.value ?? "no cookie"}</p>
    </main>
  );
}
