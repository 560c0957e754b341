/** Another process in a running container. */
import { randomUUID } from 'node:crypto';
import { type ContainerHandle, DriverError, type ExecConfig, type ExecSession } from '../driver.ts';
import { AgentError } from './agent.ts';
import { findContainer, readInside, readWhole, writeLarge } from './container.ts';
import type { Context } from './context.ts';
import { complaintOf, crun, optionsOf, stateOf } from './crun.ts';
import { pathsOf } from './guest-paths.ts';
import { readOutput } from './logs.ts';
import type { Machine } from './machine.ts';
import { maxData } from './protocol.ts';
import type { ContainerRecord } from './record.ts';
import { type ResolvedUser, resolveUser } from './users.ts';

export async function execContainer(
  context: Context,
  handle: ContainerHandle,
  config: ExecConfig,
): Promise<ExecSession> {
  const { machine, container } = findContainer(context, handle);
  const { agent } = machine;
  const key = `exec-${randomUUID()}`;
  const own = `/run/${key}`;
  const paths = { ...pathsOf(container.id), log: `${own}/log` };
  try {
    await agent.call('mkdir', own, 0o700);
    const command = await commandOf(machine, container, config, own);
    const options = optionsOf({ tty: config.tty, input: true, hold: true });
    const files = [`${own}/output`, `${own}/pid`, `${own}/tty`, ''] as const;
    const started = await agent.ask(stateOf, 'spawn', key, options, ...files, ...crun(paths), ...command);
    if (started.state === 'failed') {
      const words = await complaintOf(agent, paths);
      await forget(machine, key, own);
      throw new DriverError('start', words);
    }
  } catch (error) {
    if (error instanceof AgentError) throw new DriverError('start', error.message, { cause: error });
    throw error;
  }
  return sessionOf(machine, key, own, config.tty);
}

/** A process as crun is told one. */
interface ProcessSpec {
  readonly env: readonly string[];
  readonly user: object;
  readonly [member: string]: unknown;
}

/** The container's own process, with another command: written to a file, because its environment may be long. */
async function commandOf(
  machine: Machine,
  container: ContainerRecord,
  config: ExecConfig,
  own: string,
): Promise<readonly string[]> {
  const { bundle, rootfs } = pathsOf(container.id);
  const text = await readWhole(machine, `${bundle}/config.json`);
  const { process } = JSON.parse(text.toString()) as { readonly process: ProcessSpec };
  const user = config.user
    ? resolveUser(
        config.user,
        await readInside(machine, rootfs, '/etc/passwd'),
        await readInside(machine, rootfs, '/etc/group'),
      )
    : undefined;
  const spec = {
    ...process,
    terminal: config.tty,
    args: config.command,
    env: environmentOf(process.env, config, user),
    ...(user && { user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids } }),
  };
  await writeLarge(machine, `${own}/process.json`, Buffer.from(JSON.stringify(spec)));
  return [
    'exec',
    '--detach',
    `--pid-file=${own}/pid`,
    ...(config.tty ? [`--console-socket=${own}/tty`] : []),
    `--process=${own}/process.json`,
    container.id,
  ];
}

function environmentOf(
  ofContainer: readonly string[],
  { environment = {}, defaultEnvironment = {} }: ExecConfig,
  user: ResolvedUser | undefined,
): readonly string[] {
  const named = ofContainer.map((pair): readonly [string, string] => {
    const [name = ''] = pair.split('=');
    return [name, pair.slice(name.length + 1)];
  });
  const all = { ...defaultEnvironment, ...Object.fromEntries(named), ...(user && { HOME: user.home }), ...environment };
  return Object.entries(all).map(([name, value]) => `${name}=${value}`);
}

/** Commands that an earlier process ran are nobody's any more. */
export async function endLeftOvers(machine: Machine): Promise<void> {
  const words = (await machine.agent.call('list')).map(String);
  const keys = words.filter((_, index) => index % 6 === 0).filter((key) => key.startsWith('exec-'));
  for (const key of keys) {
    await machine.agent.call('signal', key, 9, 'session').catch(gone);
    await forget(machine, key, `/run/${key}`);
  }
}

function sessionOf(machine: Machine, key: string, own: string, tty: boolean): ExecSession {
  const { agent } = machine;
  let input: Promise<unknown> = Promise.resolve();
  /** One after the other; what comes after its end is nobody's loss. */
  const next = (work: () => Promise<unknown>) => {
    const result = input.then(work);
    input = result.catch(() => {});
    return result;
  };
  const exit = agent.ask(stateOf, 'wait', key).then(({ code }) => ({ exitCode: code }));
  // Told by wait, or not of interest.
  exit.catch(() => {});
  const read = { over: false };
  const output = async function* () {
    try {
      yield* readOutput(agent, key);
    } finally {
      read.over = true;
      exit.then(
        () => forget(machine, key, own),
        () => {},
      );
    }
  };
  return {
    output: output(),
    async write(data) {
      await next(async () => {
        for (let at = 0; at < data.length; at += maxData)
          await agent.call('input', key, data.subarray(at, at + maxData)).catch(gone);
      });
    },
    resize: async ({ columns, rows }) => void (await agent.call('resize', key, columns, rows).catch(gone)),
    close: () => {
      // A terminal has no end of input but the character for it.
      next(async () => await (tty ? agent.call('input', key, '\u0004') : agent.call('close-input', key))).catch(
        () => {},
      );
    },
    kill: async () => void (await agent.call('signal', key, 9, 'session').catch(gone)),
    wait: async () => await exit,
  };
}

async function forget({ agent }: Machine, key: string, own: string): Promise<void> {
  await agent.call('forget', key).catch(gone);
  await agent.call('remove', own).catch(gone);
}

/** The command has ended, or its machine has. */
function gone(error: unknown): void {
  if (error instanceof AgentError || (error instanceof DriverError && error.kind === 'engine')) return;
  throw error;
}
