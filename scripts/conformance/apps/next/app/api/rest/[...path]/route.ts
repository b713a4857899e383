export const runtime = "edge";

export async function GET(request: Request, { params }: { params: Promise<{ path: string[] }> }) {
  return Response.json({ path: (await params).path, search: new URL(request.url).search });
}
