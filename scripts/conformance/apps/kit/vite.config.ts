import node from "@sveltejs/adapter-node";
import vercel from "@sveltejs/adapter-vercel";
import { sveltekit } from "@sveltejs/kit/vite";
import { defineConfig } from "vite";

// One app, two adapters: what is deployed, and the framework's own server beside it.
const adapter = process.env.ADAPTER === "node" ? node({ out: "server" }) : vercel({ runtime: "edge" });

export default defineConfig({ plugins: [sveltekit({ compilerOptions: { runes: true }, adapter, version: { name: "conformance" } })] });
