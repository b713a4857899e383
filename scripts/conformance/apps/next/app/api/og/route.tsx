import { ImageResponse } from "next/og";

export const runtime = "edge";

export function GET(request: Request) {
  const text = new URL(request.url).searchParams.get("text") ?? "nothing";
  return new ImageResponse(<div style={{ display: "flex", fontSize: 60 }}>{text}</div>, {
    width: 400,
    height: 200,
  });
}
