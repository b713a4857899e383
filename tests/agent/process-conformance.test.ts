/** The process driver under the guarantees of every driver. */
import { rmSync } from "node:fs";
import { type Region, startRegion } from "#tests/support/region.ts";
import { type Bench, conformance } from "./conformance.ts";

/** A driver that begins again does so in the same home. */
class ProcessBench implements Bench {
  readonly statuses: Bench["statuses"];
  readonly lines: Bench["lines"];
  #region: Region;

  constructor(region: Region) {
    this.#region = region;
    this.statuses = region.statuses;
    this.lines = region.lines;
  }

  get driver() {
    return this.#region.driver;
  }

  file(text: string) {
    return this.#region.file(text);
  }

  ask(deployment: string, path: string) {
    return this.#region.ask(path, {}, deployment);
  }

  async restart() {
    await this.#region.driver.stop();
    this.#region = await startRegion({}, this.#region);
  }

  async stop() {
    await this.#region.driver.stop();
    rmSync(this.#region.home, { recursive: true, force: true });
  }
}

conformance("process", { outlives: false }, async () => new ProcessBench(await startRegion()));
