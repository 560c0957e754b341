/** `longshore bench`: measures this host, prints tables and writes everything to a JSON file. */
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Failure } from '../failure.ts';
import { createCleanup } from './cleanup.ts';
import { describeMachine } from './machine.ts';
import type { Scenario, ScenarioResult } from './scenario.ts';
import { formatTable } from './table.ts';

type Name =
  | 'launch'
  | 'chain'
  | 'api'
  | 'control'
  | 'services'
  | 'idle'
  | 'leaks'
  | 'exec'
  | 'logs'
  | 'registry'
  | 'microvm';

/** Loaded when they are asked for: each needs other parts. */
const scenarios: Readonly<Record<Name, () => Promise<Scenario>>> = {
  launch: async () => (await import('./launch.ts')).launch,
  chain: async () => (await import('./chain.ts')).chain,
  api: async () => (await import('./api.ts')).api,
  control: async () => (await import('./control.ts')).control,
  services: async () => (await import('./services.ts')).services,
  idle: async () => (await import('./idle.ts')).idle,
  registry: async () => (await import('./registry.ts')).registry,
  microvm: async () => (await import('./microvm.ts')).microvm,
  leaks: async () => (await import('./leaks.ts')).leaks,
  exec: async () => (await import('./exec.ts')).exec,
  logs: async () => (await import('./logs.ts')).logs,
};

const usage = `Usage: npm run bench -- [launch] [chain] [api] [control] [services] [idle] [leaks] [exec] [logs] [registry] [microvm] [--quick] [--json <file>]

Measures this host; without names, everything (about half an hour).

  launch   RunTask call to task RUNNING against \`docker run -d\`; needs Docker and a static busybox
  chain    a task whose three containers wait for each other to be HEALTHY; needs the same
  api      requests per second and latencies with up to 100 000 tasks stored
  control  tasks per second through API, queue and simulated workers, without containers
  services replacements, rolling deployments, and what a thousand services cost; needs the same as launch
  idle     memory and seconds to ready of a default set-up
  registry pushes and pulls of 1 GiB against Debian's docker-registry, where that is installed; lists of images
  microvm  (by name alone) tasks in virtual machines against tasks in containers; needs root, the same, and what these machines need
  leaks    50 tasks started and stopped: fails when anything of them stays; needs the same as launch
  exec     a key's echo in a terminal of ECS Exec against \`docker exec -it\`; needs the same
  logs     output to its log stream against \`docker logs -f\`, latency, bytes on disk; needs the same

  --quick        small samples: shows that it works, not how fast it is
  --rounds <n>   how often measurements are repeated
  --json <file>  where the results go (default: bench-results-<time>.json)`;

/** Machines need much of a host, and minutes: by name alone. */
const usual = Object.keys(scenarios).filter((name) => name !== 'microvm');

/** @param args names of scenarios and flags, as on the command line */
export async function runBench(args: readonly string[]): Promise<void> {
  const { names, quick, rounds, help, json } = readArguments(args);
  if (help) {
    console.log(usage);
    return;
  }
  const say = (line: string) => console.error(line);
  const cleanup = createCleanup();
  const interrupt = () => {
    say('Cleaning up …');
    cleanup.run().then(
      () => process.exit(130),
      () => process.exit(130),
    );
  };
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const machine = await describeMachine();
  const results: Partial<Record<Name, ScenarioResult['data']>> = {};
  const failures: string[] = [];
  const write = () => writeFileSync(json, `${JSON.stringify({ machine, quick, results }, undefined, 1)}\n`);
  try {
    console.log(
      `${Object.entries(machine)
        .map(([fact, value]) => `${fact}: ${value}`)
        .join('\n')}\n`,
    );
    for (const name of names) {
      const scenario = await scenarios[name]();
      const { tables, data, failure } = await scenario({
        quick,
        ...(rounds === undefined ? {} : { rounds }),
        cleanup,
        say,
      });
      results[name] = data;
      if (failure !== undefined) failures.push(failure);
      for (const table of tables) console.log(formatTable(table));
      await cleanup.run();
      write();
    }
    console.log(`Written to ${json}.`);
    if (failures.length > 0) throw new Failure(failures.join('\n'));
  } finally {
    await cleanup.run();
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}

export { runBench as main };

function readArguments(args: readonly string[]) {
  const { values, positionals } = parse(args);
  const unknown = positionals.find((name) => !(name in scenarios));
  if (unknown !== undefined) throw new Failure(`There is no scenario "${unknown}".\n\n${usage}`);
  const time = new Date().toISOString().slice(0, 19).replaceAll(':', '-');
  return {
    names: (positionals.length > 0 ? positionals : usual) as readonly Name[],
    quick: values.quick ?? false,
    rounds: values.rounds === undefined ? undefined : wholeNumber(values.rounds),
    help: values.help ?? false,
    json: resolve(values.json ?? `bench-results-${time}.json`),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        quick: { type: 'boolean' },
        rounds: { type: 'string' },
        json: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new Failure(`${(error as Error).message}\n\n${usage}`);
  }
}

function wholeNumber(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1)
    throw new Failure(`--rounds is "${text}", but must be a whole number above 0.`);
  return number;
}
