/** Next.js with one page of each kind. Data. */
import { API, type App, FILE, ROBOTS, SSR } from "./app.ts";

export const next: App = {
  name: "next",
  scaffold: [
    [
      "npx",
      "-y",
      "create-next-app@16.4.3",
      "app",
      ..."--ts --app --empty --use-npm --skip-install --disable-git --no-eslint --no-tailwind --yes".split(
        " ",
      ),
    ],
  ],
  files: {
    "public/robots.txt": ROBOTS,
    "app/ssr/page.tsx": `import { Suspense } from "react";

async function Hello({ name }: { name: Promise<{ name?: string }> }) {
  return <h1>Hello {(await name).name}</h1>;
}

export default function Page({ searchParams }: { searchParams: Promise<{ name?: string }> }) {
  return (
    <Suspense fallback={<i>waiting</i>}>
      <Hello name={searchParams} />
    </Suspense>
  );
}
`,
    "app/posts/[id]/page.tsx": `export const generateStaticParams = () => [{ id: "one" }];
export default async function Post({ params }: { params: Promise<{ id: string }> }) {
  return <h1>Post {(await params).id}</h1>;
}
`,
    "app/action/actions.ts": `"use server";

export async function add(_: number, form: FormData) {
  return Number(form.get("n")) + 1;
}
`,
    "app/action/page.tsx": `"use client";
import { useActionState } from "react";
import { add } from "./actions";

export default function Page() {
  const [sum, act] = useActionState(add, 0);
  return (
    <form action={act}>
      <input name="n" />
      <b>sum {sum}</b>
    </form>
  );
}
`,
    "app/slow/page.tsx": `import { connection } from "next/server";
import { Suspense } from "react";

async function Late() {
  await connection();
  await new Promise((resolve) => setTimeout(resolve, 500));
  return <p>late part</p>;
}

export default function Page() {
  return (
    <main>
      <h1>early part</h1>
      <Suspense fallback={<i>waiting</i>}>
        <Late />
      </Suspense>
    </main>
  );
}
`,
    "app/api/hello/route.ts": `export const GET = (request: Request) =>
  Response.json({ hello: new URL(request.url).searchParams.get("name") });
`,
    "app/api/sum/route.ts": `export async function POST(request: Request) {
  const numbers: number[] = await request.json();
  return Response.json({ sum: numbers.reduce((a, b) => a + b, 0) });
}
`,
    "proxy.ts": `import { type NextRequest, NextResponse } from "next/server";

export function proxy(request: NextRequest) {
  if (request.nextUrl.pathname === "/from") return NextResponse.redirect(new URL("/ssr?name=proxy", request.url));
  const response = NextResponse.next();
  response.headers.set("x-proxied", request.nextUrl.pathname);
  return response;
}

export const config = { matcher: ["/ssr", "/from"] };
`,
  },
  checks: [
    { what: "prerendered", path: "/", text: /Hello world!/, refersTo: /(\/_next\/static\/[^"]+\.js)/ },
    { what: "prerendered", path: "/posts/one", text: /Post (?:<!-- -->)?one/ },
    { what: "ssr", path: "/posts/never-built", text: /Post (?:<!-- -->)?never-built/ },
    ...SSR,
    { what: "stream", path: "/slow", text: /early part.*late part/s },
    { what: "action", path: "/action", text: /sum (?:<!-- -->)?0/ },
    { what: "action", path: "/action", form: { n: "41" }, text: /sum (?:<!-- -->)?42/ },
    {
      what: "ssr",
      path: "/ssr?name=Ada",
      headers: { rsc: "1" },
      header: ["content-type", /^text\/x-component/],
    },
    { what: "middleware", path: "/ssr?name=Ada", header: ["x-proxied", /^\/ssr$/] },
    { what: "middleware", path: "/from", status: 307, header: ["location", /\/ssr\?name=proxy$/] },
    { what: "ssr", path: "/not/there", status: 404, text: /could not be found/ },
    FILE,
    ...API,
  ],
};
