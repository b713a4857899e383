import type { NextConfig } from "next";

const config: NextConfig = {
  generateBuildId: () => "conformance",
  async redirects() {
    return [
      { source: "/old-about", destination: "/about", permanent: true },
      { source: "/go/:path*", destination: "/about?from=:path*", permanent: false },
      {
        source: "/for-beta",
        has: [{ type: "cookie", key: "beta", value: "(?<version>v\\d+)" }],
        destination: "/about?beta=:version",
        permanent: false,
      },
      { source: "/away", destination: "https://example.com/there", statusCode: 301 },
    ];
  },
  async rewrites() {
    return {
      beforeFiles: [
        { source: "/robots.txt", has: [{ type: "query", key: "as", value: "about" }], destination: "/about" },
      ],
      afterFiles: [
        { source: "/our-story", destination: "/about" },
        { source: "/shop/:slug", destination: "/edge/:slug?from=rewrite" },
        { source: "/echo-as/:name", destination: "/api/echo?name=:name" },
      ],
      fallback: [{ source: "/fallback/:path*", destination: "/api/rest/:path*" }],
    };
  },
  async headers() {
    return [
      { source: "/:path*", headers: [{ key: "x-everywhere", value: "yes" }] },
      { source: "/about", headers: [{ key: "x-about", value: "about" }] },
      { source: "/api/echo", headers: [{ key: "x-both", value: "configuration" }] },
      { source: "/edge/:slug", headers: [{ key: "x-slug", value: ":slug" }] },
      {
        source: "/api/:path*",
        missing: [{ type: "header", key: "x-quiet" }],
        headers: [{ key: "x-loud", value: "1" }],
      },
    ];
  },
};

export default config;
