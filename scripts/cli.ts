/** The command line: commands, and flags from the settings table. Each command loads only what it needs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { packageRoot } from '../core/package-root.ts';
import { givenSettings, readSettings, type SettingRow, type Settings, settingTable } from '../core/settings.ts';
import { Failure, sentenceOf } from './failure.ts';
import { endpointOf, findRedis, installationId } from './instance.ts';

type Key = keyof Settings;

const say = (line: string) => console.log(line);
const place: readonly Key[] = ['dataDir'];
const address: readonly Key[] = ['dataDir', 'host', 'port', 'region', 'accountId'];
const connection: readonly Key[] = ['dataDir', 'redisUrl', 'redisPrefix'];
const host: readonly Key[] = ['dataDir', 'runtime', 'dockerHost', 'network', 'workerName'];

const program = new Command('longshore')
  .description('Amazon ECS on Fargate, on your own machines.')
  .version(version())
  .showHelpAfterError('Add --help to see what there is.');

command('start', 'set up what is missing, then run Redis, API and worker until Ctrl-C')
  .option('--stop-tasks', 'stop the running tasks too when Longshore stops', false)
  .action(async (options: Flags) => {
    const { start } = await import('./start.ts');
    await start(settingsOf(options), { stopTasks: options.stopTasks === true }, say);
    process.exit(0);
  });

command('api', 'run one API process').action(async (options: Flags) => {
  const settings = settingsOf(options);
  const redisUrl = redisOf(settings, 'api');
  const { runRole } = await import('./role.ts');
  await runRole('api', settings, redisUrl, async (log) => {
    const { startApi } = await import('../api/main.ts');
    return startApi({ settings, redisUrl, log });
  });
});

command('worker', 'run one worker process').action(async (options: Flags) => {
  const settings = settingsOf(options);
  const redisUrl = redisOf(settings, 'worker');
  const installation = installationId(settings.dataDir);
  const { runRole } = await import('./role.ts');
  await runRole('worker', settings, redisUrl, async (log, giveUp) => {
    const { startWorker } = await import('../worker/main.ts');
    return startWorker({ settings, redisUrl, installation, endpoint: endpointOf(settings), log, fenced: giveUp });
  });
});

command('env', 'print the exports that point AWS clients here: eval "$(longshore env)"', address).action(
  async (options: Flags) => {
    const { printEnv } = await import('./env.ts');
    await printEnv(settingsOf(options), givenSettings(process.env, flagsOf(options)), say);
  },
);

const keys = program.command('keys').description('access keys');
command('add', 'make a key pair and print it', ['dataDir', 'accountId'], keys).action(async (options: Flags) => {
  const { dataDir, accountId } = settingsOf(options);
  const { addKey } = await import('./keys.ts');
  await addKey(dataDir, accountId, say);
});
command('list', 'list key ids and their accounts', place, keys).action(async (options: Flags) => {
  const { listKeys } = await import('./keys.ts');
  listKeys(settingsOf(options).dataDir, say);
});

command('interrupt', 'take the capacity of a FARGATE_SPOT task away, as AWS does', connection)
  .argument('<task-arn>', 'ARN of the task')
  .action(async (arn: string, options: Flags) => {
    const settings = settingsOf(options);
    const { interrupt } = await import('./interrupt.ts');
    await interrupt(redisOf(settings, 'interrupt'), settings.redisPrefix, arn, say);
  });

command('usage', 'show what a task used in the last hour: CPU, memory, disk, network', connection)
  .argument('<task-arn>', 'ARN of the task')
  .option('--json', 'print the samples as they are kept, one a line', false)
  .action(async (arn: string, options: Flags) => {
    const settings = settingsOf(options);
    const { usage } = await import('./usage.ts');
    await usage(redisOf(settings, 'usage'), settings.redisPrefix, arn, { json: options.json === true }, say);
  });

command('doctor', 'tell what works on this host').action(async (options: Flags) => {
  const { doctor } = await import('./doctor.ts');
  process.exitCode = (await doctor(settingsOf(options), say)) ? 0 : 1;
});

command('clean', 'remove from this host what this data directory’s instance made there', host)
  .option('--all-data', 'remove the data directory too: keys, state and logs', false)
  .action(async (options: Flags) => {
    const { clean } = await import('./clean.ts');
    await clean(settingsOf(options), { allData: options.allData === true }, say);
  });

program
  .command('bench')
  .description('measure this host; `longshore bench --help` tells what')
  .helpOption(false)
  .allowUnknownOption()
  .argument('[arguments...]')
  .action(async (given: string[]) => {
    const { main } = await import('./bench/main.ts');
    await main(given);
  });

type Flags = Readonly<Record<string, string | boolean | undefined>>;

/** A command with the flags of some settings; all of them when none are named. */
function command(name: string, description: string, settings?: readonly Key[], parent = program): Command {
  const made = parent.command(name).description(description);
  for (const row of settingTable) if (settings?.includes(row.key) ?? true) made.addOption(optionOf(row));
  return made;
}

function optionOf({ flag, env, defaultText, description }: SettingRow): Option {
  return new Option(`${flag} <value>`, `${description} (${env}; default: ${defaultText})`);
}

function settingsOf(options: Flags): Settings {
  return readSettings(process.env, flagsOf(options));
}

function flagsOf(options: Flags): Partial<Record<Key, string>> {
  const flags: Partial<Record<Key, string>> = {};
  for (const row of settingTable) {
    const value = options[optionOf(row).attributeName()];
    if (typeof value === 'string') flags[row.key] = value;
  }
  return flags;
}

/** A process that runs apart uses the Redis that it is given, else that of the instance in its data directory. */
function redisOf({ redisUrl, dataDir }: Settings, name: string): string {
  const url = redisUrl ?? findRedis(dataDir)?.url;
  if (url === undefined)
    throw new Failure(
      `No Redis is running in ${dataDir}: give \`longshore ${name}\` a REDIS_URL, or run \`longshore start\`.`,
    );
  return url;
}

function version(): string {
  return JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')).version;
}

try {
  await program.parseAsync();
} catch (error) {
  // One sentence for people; LONGSHORE_LOG_LEVEL=debug for those who look for a mistake of ours.
  console.error(process.env.LONGSHORE_LOG_LEVEL === 'debug' ? error : sentenceOf(error));
  process.exit(1);
}
