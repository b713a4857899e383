/** The grammar: which words there are, and which function answers them. */
import { Command, Option } from "commander";
import * as account from "./commands/account.ts";
import { type DeployFlags, deploy } from "./commands/deploy.ts";
import * as deployments from "./commands/deployments.ts";
import { dev, devFlags } from "./commands/dev.ts";
import * as env from "./commands/env.ts";
import * as functions from "./commands/functions.ts";
import * as projects from "./commands/projects.ts";
import * as regions from "./commands/regions.ts";
import * as rollout from "./commands/rollout.ts";
import * as session from "./commands/session.ts";
import { type Context, type GlobalFlags, makeContext } from "./context.ts";
import { settingOptions } from "./settings.ts";

const VERSION = "0.1.0";

export function makeProgram(): Command {
  const program = new Command("cloudify")
    .description("Deploy sites, apps and APIs to your team's own platform.")
    .version(VERSION)
    .addOption(new Option("--api <url>", "address of the platform").env("CLOUDIFY_API"))
    .addOption(new Option("--token <token>", "token to use").env("CLOUDIFY_TOKEN"))
    .addOption(new Option("--project <name>", "project, by name or id").env("CLOUDIFY_PROJECT"))
    .addOption(new Option("--json", "one JSON document on standard output").env("CLOUDIFY_JSON"))
    .addOption(new Option("-y, --yes", "take the defaults and ask nothing").env("CLOUDIFY_YES"))
    .showSuggestionAfterError()
    .showHelpAfterError("Add --help for the words this command takes.")
    .exitOverride();

  /** Joins a command with its function; the flags of all commands make the context. */
  const word = (parent: Command, usage: string, about: string): Command =>
    parent.command(usage).description(about).exitOverride();
  const answer =
    <A extends unknown[]>(act: (context: Context, ...words: A) => Promise<void>) =>
    async (...words: unknown[]): Promise<void> => {
      const command = words.pop() as Command;
      await act(makeContext(command.optsWithGlobals<GlobalFlags>()), ...(words as A));
    };

  word(program, "login", "Log in with a token (--token, --api)").action(
    answer((context) => session.login(context)),
  );
  word(program, "logout", "Forget the token of a platform").action(
    answer((context) => session.logout(context)),
  );
  word(program, "whoami", "Show the token in use and its team").action(
    answer((context) => session.whoami(context)),
  );
  word(program, "init [dir]", "Make a small static site to begin with").action(answer(projects.init));
  word(program, "link [dir]", "Link a folder to a project; makes the project if there is none").action(
    answer(projects.link),
  );
  word(program, "build [dir]", "Build a Build Output v3 tree into .cloudify/output")
    .addOption(new Option("--static", "take the folder as it is").env("CLOUDIFY_STATIC"))
    .action(answer(projects.build));
  word(program, "deploy [dir]", "Send a project to be built, or a folder as it is, and wait until it serves")
    .addOption(new Option("--prod", "deploy to production").env("CLOUDIFY_PROD"))
    .addOption(new Option("--target <env>", "deploy to an environment of your own").env("CLOUDIFY_TARGET"))
    .addOption(new Option("--branch <branch>", "deploy a preview of a branch").env("CLOUDIFY_BRANCH"))
    .addOption(percentOption("with --prod: of the visitors get it"))
    .addOption(stagesOption("with --prod: shares with lengths by which it goes out, 10:5m,50:1h,100"))
    .addOption(guardOption())
    .addOption(new Option("--local-build", "build on this machine").env("CLOUDIFY_LOCAL_BUILD"))
    .addOption(new Option("--prebuilt", "deploy .vercel/output or .cloudify/output").env("CLOUDIFY_PREBUILT"))
    .addOption(new Option("--static", "deploy the folder as it is, without a build").env("CLOUDIFY_STATIC"))
    .addOption(new Option("--no-wait", "do not wait until it is ready").env("CLOUDIFY_NO_WAIT"))
    .addHelpText(
      "after",
      "\nExamples:\n  cloudify deploy --prod\n  cloudify deploy dist --static --project docs --yes --json",
    )
    .action(answer((context, dir: string | undefined, flags: DeployFlags) => deploy(context, dir, flags)));
  devFlags(word(program, "dev [dir]", "Serve a folder on this machine as its deployment would be")).action(
    answer(dev),
  );
  word(program, "ls", "List deployments of the project")
    .addOption(new Option("--limit <n>", "how many").default("20").env("CLOUDIFY_LIMIT"))
    .addOption(new Option("--target <env>", "only of this target").env("CLOUDIFY_TARGET"))
    .addOption(new Option("--state <state>", "only in this state").env("CLOUDIFY_STATE"))
    .action(answer(deployments.list));
  word(program, "inspect <deployment>", "Show a deployment, by id or host").action(
    answer((context, id: string) => deployments.inspect(context, id)),
  );
  word(program, "logs [deployment]", "Show the log of a deployment; without one, of the project's newest")
    .addOption(new Option("-f, --follow", "stay until it has finished").env("CLOUDIFY_FOLLOW"))
    .addOption(new Option("--after <seq>", "only rows behind this one").default("0").env("CLOUDIFY_AFTER"))
    .action(answer(deployments.logs));
  word(program, "promote <deployment>", "Make a deployment what production serves, to all or to some")
    .addOption(percentOption("of the visitors get it; the others keep what is live"))
    .addOption(stagesOption("shares with lengths by which it goes out, 10:5m,50:1h,100"))
    .addOption(guardOption())
    .action(answer(rollout.promote));
  const release = word(
    program,
    "rollout [percent]",
    "Give more or fewer visitors what is being rolled out; 0 ends it",
  ).action(answer((context, percent: string | undefined) => rollout.rollout(context, percent)));
  word(
    release,
    "status",
    "Show its stage, its errors beside those of what is live, and how the last ended",
  ).action(answer((context) => rollout.status(context)));
  word(release, "advance", "Go on to the next stage; behind the last everybody gets it").action(
    answer((context) => rollout.advance(context)),
  );
  word(release, "abort", "End it: everybody gets what is live").action(
    answer((context) => rollout.abort(context)),
  );
  word(program, "rollback [deployment]", "Go back to an earlier production deployment; it sticks").action(
    answer((context, id: string | undefined) => deployments.rollback(context, id)),
  );
  word(program, "redeploy <deployment>", "Deploy the same output again, with today's variables")
    .addOption(new Option("--target <env>", "to another target").env("CLOUDIFY_TARGET"))
    .addOption(new Option("--no-wait", "do not wait until it is ready").env("CLOUDIFY_NO_WAIT"))
    .action(answer(deployments.redeploy));
  word(program, "cancel <deployment>", "Cancel a deployment that has not finished").action(
    answer((context, id: string) => deployments.cancel(context, id)),
  );
  word(program, "rm <deployment>", "Remove a deployment")
    .addOption(
      new Option("--replacement <deployment>", "serve this one where it is live").env("CLOUDIFY_REPLACEMENT"),
    )
    .action(answer(deployments.remove));

  const environment = word(program, "env", "Environment variables of the project");
  word(environment, "ls", "List variables")
    .addOption(targetOption("only of this target"))
    .action(answer(env.list));
  word(environment, "add <key>", "Add a variable; its value from --value or standard input")
    .addOption(
      new Option("--value <value>", "the value; it may stay in your shell's history").env("CLOUDIFY_VALUE"),
    )
    .addOption(targetOption("comma-separated targets").default(env.DEFAULT_TARGETS))
    .addOption(new Option("--branch <branch>", "only for previews of this branch").env("CLOUDIFY_BRANCH"))
    .addOption(new Option("--sensitive", "nobody can read it back").env("CLOUDIFY_SENSITIVE"))
    .action(answer(env.add));
  word(environment, "rm <key>", "Remove a variable")
    .addOption(targetOption("only of this target"))
    .addOption(new Option("--branch <branch>", "only of this branch").env("CLOUDIFY_BRANCH"))
    .action(answer(env.remove));
  word(environment, "pull [file]", "Write variables into a block of .env.local")
    .addOption(targetOption("of which target").default("development"))
    .addOption(new Option("--branch <branch>", "with those of this branch").env("CLOUDIFY_BRANCH"))
    .action(answer(env.pull));

  const single = word(program, "functions", "Functions of the team, sent as source");
  word(single, "ls", "List functions").action(answer((context) => functions.list(context)));
  word(single, "deploy <name> <path>", "Bundle a file or a folder, and wait until it answers")
    .addOption(
      new Option("--entry <file>", "the file that exports the handler; index.ts by itself").env(
        "CLOUDIFY_ENTRY",
      ),
    )
    .addOption(
      new Option("--import <name=path>", "what an import means: a file of the folder; may be repeated")
        .argParser((text, before: string[] = []) => [...before, ...text.split(",")])
        .env("CLOUDIFY_IMPORT"),
    )
    .addOption(percentOption("of the visitors get this version; the others keep what is live"))
    .addOption(new Option("--no-wait", "do not wait until it is ready").env("CLOUDIFY_NO_WAIT"))
    .action(answer(functions.deploy));
  word(single, "inspect <name>", "Show a function").action(
    answer((context, name: string) => functions.inspect(context, name)),
  );
  word(single, "logs <name>", "Show the log of the versions that visitors get")
    .addOption(new Option("-f, --follow", "stay, and show lines as they come").env("CLOUDIFY_FOLLOW"))
    .action(answer(functions.logs));
  word(single, "rm <name>", "Remove a function with all its versions").action(
    answer((context, name: string) => functions.remove(context, name)),
  );
  word(
    single,
    "rollout <name> <percent>",
    "Give a share of the visitors the newest version; 0 ends it",
  ).action(answer((context, name: string, percent: string) => functions.rollout(context, name, percent)));
  word(single, "revert <name>", "Go back: out of a rollout, else to the version before").action(
    answer((context, name: string) => functions.revert(context, name)),
  );

  const project = word(program, "projects", "Projects of the team");
  word(project, "ls", "List projects").action(answer((context) => projects.list(context)));
  word(project, "add <name>", "Create a project").action(
    answer((context, name: string) => projects.add(context, name)),
  );
  settingOptions(word(project, "set <name>", "Change a project's settings; without options, show them"))
    .addOption(stagesOption("shares by which production changes, 10:5m,50:1h,100; off: for all at once"))
    .addOption(guardOption())
    .addOption(
      new Option("--affinity <kind>", "region: a visitor stays in the region that answered first; off")
        .choices(["region", "off"])
        .env("CLOUDIFY_AFFINITY"),
    )
    .action(answer(projects.set));
  word(project, "rm <name>", "Remove a project with all it has").action(
    answer((context, name: string) => projects.remove(context, name)),
  );

  const region = word(program, "regions", "Regions: clusters and machines that run functions and builds");
  installFlags(
    word(region, "add <name>", "Add a region; prints what `kubectl apply -f -` takes")
      .addOption(latLon("--lat <degrees>", "latitude of the place").env("CLOUDIFY_LAT"))
      .addOption(latLon("--lon <degrees>", "longitude of the place").env("CLOUDIFY_LON"))
      .addOption(weightOption())
      .addOption(new Option("--shared", "other teams may use it, if they name it").env("CLOUDIFY_SHARED")),
  ).action(answer(regions.add));
  word(region, "ls", "List regions").action(answer((context) => regions.list(context)));
  word(region, "inspect <name>", "Show a region with its workloads and tasks").action(
    answer((context, name: string) => regions.inspect(context, name)),
  );
  word(region, "set <name>", "Change a region: its name, where it is, its weight, who may use it")
    .addOption(new Option("--name <new>", "what it is called from now on").env("CLOUDIFY_NAME"))
    .addOption(new Option("--lat <degrees>", "latitude of the place").env("CLOUDIFY_LAT"))
    .addOption(new Option("--lon <degrees>", "longitude of the place").env("CLOUDIFY_LON"))
    .addOption(weightOption())
    .addOption(new Option("--shared", "other teams may use it, if they name it").env("CLOUDIFY_SHARED"))
    .addOption(new Option("--no-shared", "only its own team may use it").env("CLOUDIFY_NO_SHARED"))
    .action(answer(regions.set));
  word(region, "drain <name>", "Take new work and visitors away from a region")
    .addOption(new Option("--undo", "give them back").env("CLOUDIFY_UNDO"))
    .action(answer(regions.drain));
  installFlags(word(region, "token <name>", "Make a new token; the agent's credential ends at once")).action(
    answer(regions.renewToken),
  );
  word(region, "rm <name>", "Remove a region; its agent's credential ends at once")
    .addOption(new Option("--force", "also when deployments are to run there").env("CLOUDIFY_FORCE"))
    .action(answer(regions.remove));
  word(region, "status", "Show how regions do: health, lease, load, lag, skew, and what each runs")
    .addOption(new Option("--watch", "look again every 2 seconds").env("CLOUDIFY_WATCH"))
    .action(answer((context, flags: { watch?: boolean }) => regions.status(context, flags)));

  const team = word(program, "teams", "Teams");
  word(team, "add <slug>", "Create a team and its owner's token").action(
    answer((context, slug: string) => account.addTeam(context, slug)),
  );

  const token = word(program, "tokens", "Tokens of the team");
  word(token, "ls", "List tokens").action(answer((context) => account.listTokens(context)));
  word(token, "add <name>", "Create a token")
    .addOption(
      new Option("--role <role>", "viewer, developer, admin or owner")
        .default("developer")
        .env("CLOUDIFY_ROLE"),
    )
    .addOption(new Option("--scopes <scopes>", "comma-separated; narrows the role").env("CLOUDIFY_SCOPES"))
    .addOption(new Option("--expires <time>", "15m, 12h, 30d").env("CLOUDIFY_EXPIRES"))
    .action(answer(account.addToken));
  word(token, "rm <id>", "Revoke a token").action(
    answer((context, id: string) => account.revokeToken(context, id)),
  );

  word(program, "audit", "Show, export or verify the audit trail")
    .addOption(
      new Option("--format <format>", "json, csv or ndjson")
        .choices(["json", "csv", "ndjson"])
        .env("CLOUDIFY_FORMAT"),
    )
    .addOption(new Option("--from <time>", "ISO time or Unix milliseconds").env("CLOUDIFY_FROM"))
    .addOption(new Option("--to <time>", "ISO time or Unix milliseconds").env("CLOUDIFY_TO"))
    .addOption(new Option("--actor <id>", "only of this actor").env("CLOUDIFY_ACTOR"))
    .addOption(new Option("--action <action>", "only this action").env("CLOUDIFY_ACTION"))
    .addOption(new Option("--limit <n>", "how many").default("20").env("CLOUDIFY_LIMIT"))
    .addOption(new Option("--verify", "check the chain of hashes").env("CLOUDIFY_VERIFY"))
    .action(answer(account.audit));
  word(program, "api <method> <path>", "Call the REST API by hand")
    .addOption(new Option("--data <json>", "body; @file, or - for standard input").env("CLOUDIFY_DATA"))
    .action(answer(account.api));
  return program;
}

const latLon = (flags: string, about: string): Option => new Option(flags, about).makeOptionMandatory();

const weightOption = (): Option =>
  new Option("--weight <n>", "share of what is equally near; 0: only when no other can").env(
    "CLOUDIFY_WEIGHT",
  );

const installFlags = (command: Command): Command =>
  command
    .addOption(
      new Option("--image <image>", "image of the agent")
        .default(regions.DEFAULT_IMAGE)
        .env("CLOUDIFY_IMAGE"),
    )
    .addOption(
      new Option("--ingress <url>", "origin at which the cluster's ingress answers the platform").env(
        "CLOUDIFY_INGRESS",
      ),
    );

const targetOption = (about: string): Option =>
  new Option("--target <targets>", about).env("CLOUDIFY_TARGET");

const percentOption = (about: string): Option => new Option("--percent <n>", about).env("CLOUDIFY_PERCENT");

const stagesOption = (about: string): Option => new Option("--stages <stages>", about).env("CLOUDIFY_STAGES");

const guardOption = (): Option =>
  new Option(
    "--guard <guard>",
    "abort above so many points more errors: 5, 5:50:10m (requests, window), off",
  ).env("CLOUDIFY_GUARD");
