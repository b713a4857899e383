import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { expect, test } from "vitest";
import { isTakenBy, takersOf } from "./listeners.ts";

const HEAD =
  "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
const line = (local: string, state: string, inode: number) =>
  `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0 100 0 0 10 0`;
const table = (...lines: string[]) => [HEAD, ...lines, ""].join("\n");
const any6 = "0".repeat(32);
const loopback6 = `${"0".repeat(24)}01000000`;

test("a connection goes to who listens at its very address, else to who listens at all", () => {
  const v4 = table(
    line("00000000:1F90", "0A", 1),
    line("0100007F:1F90", "0A", 2),
    line("0100007F:1F90", "01", 3),
  );
  const v6 = table(line(`${any6}:1F90`, "0A", 4), line(`${loopback6}:1F91`, "0A", 5));
  expect(takersOf({ v4, v6 }, "127.0.0.1", 8080)).toEqual(["2"]);
  expect(takersOf({ v4: table(), v6 }, "127.0.0.1", 8080)).toEqual(["4"]);
  expect(takersOf({ v4, v6 }, "::1", 8080)).toEqual(["4"]);
  expect(takersOf({ v4, v6 }, "::1", 8081)).toEqual(["5"]);
  expect(takersOf({ v4, v6 }, "127.0.0.1", 8081)).toEqual([]);
  // Several that share one port.
  const shared = table(line("0100007F:1F90", "0A", 6), line("0100007F:1F90", "0A", 7));
  expect(takersOf({ v4: shared, v6: "" }, "127.0.0.1", 8080)).toEqual(["6", "7"]);
});

test.runIf(process.platform === "linux").each(["127.0.0.1", "0.0.0.0", "::"])(
  "a port of %s is its listener's, and no other process's",
  async (address) => {
    const server = createServer().listen(0, address);
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    expect(isTakenBy(() => [process.pid], "127.0.0.1", port)).toBe(true);
    expect(isTakenBy(() => [], "127.0.0.1", port)).toBe(false);
    server.close();
    await once(server, "close");
    expect(isTakenBy(() => [process.pid], "127.0.0.1", port)).toBe(false);
  },
);
