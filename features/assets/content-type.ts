/** What a file is, by its name. */
import { lookup } from "mrmime";

const DEFAULT = "application/octet-stream";
/** Not in the common list, or served otherwise than it says. */
const OWN: Record<string, string> = {
  ico: "image/x-icon",
  map: "application/json",
  webmanifest: "application/manifest+json",
  ts: "text/plain",
  mts: "text/plain",
  tsx: "text/plain",
  jsx: "text/javascript",
  rsc: "text/x-component",
};
const TEXTUAL =
  /^(?:text\/|application\/(?:javascript|json|xml|wasm-text|toml|yaml)|image\/svg\+xml)|\+(?:json|xml)$/;
const COMPRESSIBLE =
  /^(?:application\/(?:wasm|vnd\.ms-fontobject|x-font-ttf|rtf)|font\/(?:ttf|otf|collection)|image\/(?:bmp|x-icon|vnd\.microsoft\.icon))/;

/** @param path Its last extension decides, in any case. @returns The whole header, charset included. */
export function contentTypeOf(path: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const dot = name.lastIndexOf(".");
  if (dot < 0) return DEFAULT;
  const extension = name.slice(dot + 1).toLowerCase();
  const type = OWN[extension] ?? lookup(extension) ?? DEFAULT;
  return TEXTUAL.test(type) ? `${type}; charset=utf-8` : type;
}

/** Whether a compressed form is worth a try. */
export function isCompressible(type: string): boolean {
  return TEXTUAL.test(type.split(";")[0] ?? "") || COMPRESSIBLE.test(type);
}
