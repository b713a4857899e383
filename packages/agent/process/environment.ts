/** The environment of a child: never the agent's own, which holds the agent's secrets. Pure. */
import { delimiter, dirname } from "node:path";

type Variables = Record<string, string | undefined>;

/** What of the machine's environment a child may know. */
const ALLOWED = [
  "LANG",
  "LC_ALL",
  "TZ",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "NODE_EXTRA_CA_CERTS",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy",
];

/**
 * @param own Of the machine. @param node Path of the Node to be found first. @param folder The child's own, for what it
 * writes: `home` and `tmp` inside of it are there.
 */
export function baseEnvironment(own: Variables, node: string, folder: string): Record<string, string> {
  const env: Record<string, string> = {
    PATH: [dirname(node), own.PATH ?? "/usr/local/bin:/usr/bin:/bin"].join(delimiter),
    HOME: `${folder}/home`,
    TMPDIR: `${folder}/tmp`,
  };
  for (const name of ALLOWED) {
    const value = own[name];
    if (value !== undefined) env[name] = value;
  }
  return env;
}
