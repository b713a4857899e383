/** One round after the other, from what has changed to what is served; a change during a round makes another. */
import { join, relative, sep } from "node:path";
import { LiveBuilder, type LiveOutput, type LivePlan, planLive, TREE } from "@cloudify/builder";
import { CliProblem } from "../problem.ts";
import { Environment, readEnvironment } from "./environment.ts";
import { type Fault, faultOf } from "./fault.ts";
import type { Upstream } from "./forward.ts";
import { Releases } from "./release.ts";
import type { Screen } from "./screen.ts";
import { type DevServer, startServer } from "./server.ts";
import type { Stage } from "./stage.ts";

export interface RoundsOptions {
  root: string;
  output: string | null;
  isBuild: boolean;
  stage: Stage;
  screen: Screen;
  /** Given what is wrong, or `null`, and the deployment that is served. */
  onSettled(fault: Fault | null, deployment: string | null): void;
}

export class Rounds {
  readonly #options: RoundsOptions;
  readonly #builder: LiveBuilder;
  readonly #environment: Environment;
  readonly #releases: Releases;
  readonly #stop = new AbortController();
  #changed: Set<string> | null = null;
  #since = 0;
  #running: Promise<void> | null = null;
  /** And what it was started with. */
  #server: (DevServer & { started: string }) | null = null;
  #fault: Fault | null = null;
  /** Whether the folder's own tree matters: sources go before it, and only a round tells whether there are any. */
  #mayServeTree = true;
  /** Of the last round that went well. */
  output: LiveOutput | null = null;

  constructor(options: RoundsOptions) {
    this.#options = options;
    const { client, project } = options.stage;
    this.#builder = new LiveBuilder(options.root);
    this.#environment = new Environment(client, project);
    this.#releases = new Releases(options.stage);
  }

  /** Whether it is nothing to serve anew: the project's own build has written it, or anybody to a tree that is not served. */
  isMade(path: string): boolean {
    if (this.#builder.hasWritten(path)) return true;
    const tree = join(this.#options.root, TREE);
    return !this.#mayServeTree && (path === tree || path.startsWith(tree + sep));
  }

  get server(): Upstream | null {
    return this.#server?.place ?? null;
  }

  /** @param paths Absolute; `null`: everything. Resolves when nothing is left to do. */
  run(paths: ReadonlySet<string> | null): Promise<void> {
    this.#changed = new Set([...(this.#changed ?? []), ...(paths ?? [])]);
    this.#since ||= performance.now();
    this.#running ??= this.#all(paths === null).finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running?.catch(() => undefined);
    // Last: the round that was under way may have started one.
    await this.#server?.stop();
  }

  async #all(isFirst: boolean): Promise<void> {
    for (let isAll = isFirst; this.#changed && !this.#stop.signal.aborted; isAll = false) {
      const changed = new Set([...this.#changed].filter((path) => !this.isMade(path)));
      const since = this.#since;
      this.#changed = null;
      this.#since = 0;
      if (changed.size === 0 && !isAll) {
        this.#options.onSettled(this.#fault, null);
        continue;
      }
      const fault = await this.#once(changed, isAll, since).catch((error: unknown) =>
        faultOf(error, this.#options.root),
      );
      this.#fault = fault;
      // What has changed since decides.
      if (this.#isPending() || this.#stop.signal.aborted) continue;
      if (fault) {
        this.#options.screen.fault(fault);
        this.#options.onSettled(fault, null);
      }
    }
  }

  async #once(changed: ReadonlySet<string>, isAll: boolean, since: number): Promise<null> {
    const { root, output, isBuild, screen, onSettled } = this.#options;
    const env = await readEnvironment(root);
    const isOther = await this.#environment.set(env);
    const plan = await planLive(root, output, isBuild);
    this.#mayServeTree = plan.kind === "prebuilt" || plan.kind === "static";
    const server = await this.#serverFor(plan, env);
    const made = await this.#builder.build(plan, {
      env,
      // After a failure nothing that was made before is trusted.
      changed: isAll || isOther || this.#fault ? null : changed,
      server,
      onLog: ({ text }) => (plan.kind === "build" ? screen.quiet(text) : undefined),
      signal: this.#stop.signal,
    });
    if (plan.kind === "static") this.#mayServeTree = false;
    const deployment = await this.#releases.release(made, isOther);
    this.#environment.released();
    this.output = made;
    if (this.#isPending()) return null;
    onSettled(null, deployment);
    const paths = [...changed].map((path) => relative(root, path));
    screen.ready({ ms: Math.round(performance.now() - since), changed: paths, bundled: made.bundled });
    return null;
  }

  #isPending(): boolean {
    return [...(this.#changed ?? [])].some((path) => !this.isMade(path));
  }

  /** Runs the project's own server while the plan asks for one; it reads its environment once. */
  async #serverFor(plan: LivePlan, env: Record<string, string>): Promise<string | null> {
    const held = this.#server;
    const started = plan.kind === "server" ? JSON.stringify([plan.command, env]) : null;
    if (held && held.started !== started) {
      this.#server = null;
      await held.stop();
    }
    if (plan.kind !== "server" || started === null) return null;
    if (this.#server) return this.#server.address;
    const { screen, onSettled } = this.#options;
    screen.quiet(`$ ${plan.command}`);
    const server = await startServer({
      root: plan.root,
      command: plan.command,
      env,
      onLine: (text) => screen.note(text),
      signal: this.#stop.signal,
    });
    this.#server = { ...server, started };
    void server.ended.then(async (code) => {
      if (this.#server?.address !== server.address || this.#stop.signal.aborted) return;
      this.#server = null;
      const problem = new CliProblem(
        "server_ended",
        `The project's own server ended with ${code}.`,
        "Save a file to start it again.",
      );
      const fault = await faultOf(problem, plan.root);
      screen.fault(fault);
      onSettled(fault, null);
    });
    return server.address;
  }
}
