/** crun in a guest, run by its agent. */
import type { Agent } from './agent.ts';
import { AgentError, noSuchEntry } from './agent.ts';
import type { pathsOf } from './guest-paths.ts';
import { numberIn, ProtocolError } from './protocol.ts';

type Paths = ReturnType<typeof pathsOf>;

export interface ProcessState {
  readonly state: 'starting' | 'running' | 'exited' | 'failed';
  readonly pid: number;
  /** Milliseconds since the epoch, by the guest's clock. */
  readonly startedAt: number;
  /** 128 + signal number when a signal ended it. */
  readonly code: number;
  readonly finishedAt: number;
}

const states = ['starting', 'running', 'exited', 'failed'] as const;

/** @throws ProtocolError */
export function stateOf([name, pid, startedAt, code, finishedAt]: readonly Buffer[]): ProcessState {
  const state = states.find((one) => one === name?.toString());
  if (state === undefined) throw new ProtocolError('a process in no state');
  return {
    state,
    pid: numberIn(pid),
    startedAt: numberIn(startedAt) / 1000,
    code: numberIn(code, 255),
    finishedAt: numberIn(finishedAt) / 1000,
  };
}

export function crun(paths: Paths): readonly string[] {
  return ['crun', '--cgroup-manager=cgroupfs', `--log=${paths.log}`];
}

export interface Streams {
  readonly tty: boolean;
  readonly input: boolean;
  /** Read no further ahead than somebody takes it. */
  readonly hold?: boolean;
  /** Bytes of output that are kept. */
  readonly keep?: number;
}

export function optionsOf({ tty, input, hold = false, keep = 0 }: Streams): string {
  const chosen = { adopt: true, tty, input, hold, [`keep=${keep}`]: keep > 0 };
  return Object.entries(chosen)
    .flatMap(([name, on]) => (on ? [name] : []))
    .join(' ');
}

/** What crun complained about last, in its own words. */
export async function complaintOf(agent: Agent, paths: Paths): Promise<string> {
  const text = await agent.call('read', paths.log).then(
    ([words]) => words?.toString() ?? '',
    (error: unknown) => {
      if (error instanceof AgentError && error.errno === noSuchEntry) return '';
      throw error;
    },
  );
  const line = text.trim().split('\n').at(-1) ?? '';
  return inKnownWords(line.replace(/^\S+T\S+Z?: /, '').trim()).slice(0, 1000) || 'crun failed';
}

/** What Fargate says, whose containers are started by another program. */
export function inKnownWords(words: string): string {
  const missing = /^executable file `(.*)` not found in \$PATH/.exec(words)?.[1];
  if (missing !== undefined)
    return missing.includes('/')
      ? `exec: "${missing}": stat ${missing}: no such file or directory`
      : `exec: "${missing}": executable file not found in $PATH`;
  return words;
}

/** Runs one of our programs in the guest to its end. */
export async function runInGuest(agent: Agent, key: string, words: readonly string[]): Promise<number> {
  await agent.call('spawn', key, '', `/run/output-${key}`, '', '', '', ...words);
  const { code } = await agent.ask(stateOf, 'wait', key);
  await agent.call('forget', key);
  return code;
}
