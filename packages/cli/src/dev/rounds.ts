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
  /** Given the id of the deployment that is served from now on. */
  onReleased(deployment: string): void;
  /** Nothing newer waits. Given what is wrong, or `null`. */
  onSettled(fault: Fault | null): void;
}

/** What changes without a pause would keep requests waiting for ever: after so many rounds they go on. */
const MAX_UNSETTLED = 5;

export class Rounds {
  readonly #options: RoundsOptions;
  readonly #builder: LiveBuilder;
  readonly #environment: Environment;
  readonly #releases: Releases;
  readonly #stop = new AbortController();
  #changed: Set<string> | null = null;
  /** Seen, and not told of to `run` yet. */
  readonly #expected = new Set<string>();
  #since = 0;
  /** Rounds since requests went on. */
  #unsettled = 0;
  #running: Promise<void> | null = null;
  /** And what it was started with. */
  #server: (DevServer & { started: string }) | null = null;
  #fault: Fault | null = null;
  /** Tells in the terminal how the last round ended, unless it has been told. */
  #say: () => void = () => undefined;
  /** What of the environment was left out, as it was said. */
  #leftOut = "";
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

  /** A path has changed, and will be among those of the next `run`: what is served until then is old. */
  expect(path: string): void {
    this.#expected.add(path);
  }

  /** @param paths Absolute; `null`: everything. Resolves when nothing is left to do. */
  run(paths: ReadonlySet<string> | null): Promise<void> {
    this.#changed = new Set([...(this.#changed ?? []), ...(paths ?? [])]);
    this.#expected.clear();
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
      if (changed.size > 0 || isAll) await this.#round(changed, isAll, since);
      this.#settle();
    }
  }

  async #round(changed: ReadonlySet<string>, isAll: boolean, since: number): Promise<void> {
    const { root, screen } = this.#options;
    try {
      const { bundled } = await this.#once(changed, isAll);
      this.#fault = null;
      const paths = [...changed].map((path) => relative(root, path));
      const ms = Math.round(performance.now() - since);
      this.#say = () => screen.ready({ ms, changed: paths, bundled });
    } catch (error) {
      const fault = await faultOf(error, root);
      this.#fault = fault;
      this.#say = () => screen.fault(fault);
    }
  }

  /** What has changed since decides, if anything has: then this is neither said nor answered with. */
  #settle(): void {
    if (this.#stop.signal.aborted || (this.#isPending() && ++this.#unsettled < MAX_UNSETTLED)) return;
    this.#unsettled = 0;
    this.#say();
    this.#say = () => undefined;
    this.#options.onSettled(this.#fault);
  }

  async #once(changed: ReadonlySet<string>, isAll: boolean): Promise<LiveOutput> {
    const { root, output, isBuild, screen, onReleased } = this.#options;
    const { env, note } = await readEnvironment(root);
    if (note !== this.#leftOut && note !== "") screen.note(note);
    this.#leftOut = note;
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
    onReleased(await this.#releases.release(made, isOther));
    this.#environment.released();
    this.output = made;
    return made;
  }

  /** Whether something has changed that no round has begun with. */
  #isPending(): boolean {
    return [...(this.#changed ?? []), ...this.#expected].some((path) => !this.isMade(path));
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
      this.#fault = fault;
      screen.fault(fault);
      onSettled(fault);
    });
    return server.address;
  }
}
