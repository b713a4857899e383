/** Says back what it hears, texts and bytes, until the other side closes. */

export const config = { runtime: "edge" };

/** What the runtime adds to the web's own API. */
interface Accepted extends WebSocket {
  accept(): void;
}
declare const WebSocketPair: new () => { 0: WebSocket; 1: Accepted };

export function GET(request: Request): Response {
  if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
    return new Response("Open a WebSocket here.\n", { status: 426 });
  }
  const { 0: theirs, 1: ours } = new WebSocketPair();
  ours.binaryType = "arraybuffer";
  ours.accept();
  ours.addEventListener("message", ({ data }) => ours.send(data));
  ours.addEventListener("close", ({ code, reason }) => ours.close(code, reason));
  return new Response(null, { status: 101, webSocket: theirs } as ResponseInit);
}
