/** Keys, certificates and tokens of one control plane, in a folder of its own. */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface Identity {
  folder: string;
  /** PEM of the authority that signed the servers' certificates. */
  authority: string;
  /** Tokens of users in `system:masters`: the tests' own, and the controllers' and kubelet's. */
  tokens: { admin: string; controllers: string };
}

const NAMES = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost"];

export function createIdentity(folder: string): Identity {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const at = (name: string): string => join(folder, name);
  const openssl = (...words: string[]): void => {
    execFileSync("openssl", words, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
  };
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  const subject = (name: string): string[] => ["-subj", `/CN=${name}`];
  openssl("req", "-x509", ...key, "-keyout", "ca.key", "-out", "ca.crt", "-days", "2", ...subject("tests"));
  openssl("req", ...key, "-keyout", "server.key", "-out", "server.csr", ...subject("kube-apiserver"));
  const hosts = ["IP:127.0.0.1", "IP:10.43.0.1", ...NAMES.map((name) => `DNS:${name}`)].join(",");
  writeFileSync(at("server.ext"), `subjectAltName=${hosts}\nextendedKeyUsage=serverAuth\n`);
  const signing = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2"];
  openssl("x509", "-req", "-in", "server.csr", ...signing, "-out", "server.crt", "-extfile", "server.ext");
  openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "accounts.key");
  openssl("ec", "-in", "accounts.key", "-pubout", "-out", "accounts.pub");
  const tokens = { admin: randomBytes(16).toString("hex"), controllers: randomBytes(16).toString("hex") };
  const rows = Object.entries(tokens).map(([user, token]) => `${token},${user},${user},"system:masters"\n`);
  writeFileSync(at("tokens.csv"), rows.join(""), { mode: 0o600 });
  return { folder, authority: readFileSync(at("ca.crt"), "utf8"), tokens };
}

/** What kubectl and the client libraries read; JSON is YAML. */
export function kubeconfig(server: string, authority: string, token: string, namespace = "default"): string {
  const data = Buffer.from(authority).toString("base64");
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "tests",
    clusters: [{ name: "tests", cluster: { server, "certificate-authority-data": data } }],
    users: [{ name: "tests", user: { token } }],
    contexts: [{ name: "tests", context: { cluster: "tests", user: "tests", namespace } }],
  });
}
