/** What a set-up costs that does nothing: memory, and seconds until it is ready. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { packageRoot } from '../../core/package-root.ts';
import { readSettings, settingTable } from '../../core/settings.ts';
import { clean } from '../clean.ts';
import { readInstance } from '../instance.ts';
import { freePort } from './instance.ts';
import { commandLine, type Memory, memoryOf, processTree } from './process-facts.ts';
import type { BenchContext, Scenario } from './scenario.ts';
import { median } from './statistics.ts';
import { figure, type Table, verdict } from './table.ts';

interface Round {
  readonly secondsToReady: number;
  readonly memory: Readonly<Record<Part, Memory>>;
}

type Part = 'supervisor' | 'api' | 'worker' | 'redis';
const parts: readonly Part[] = ['supervisor', 'api', 'worker', 'redis'];

export const idle: Scenario = async (context) => {
  const { quick, say, cleanup } = context;
  const dataDir = mkdtempSync(join(tmpdir(), 'longshore-bench-'));
  const env = await environment(dataDir);
  cleanup.add(async () => {
    await clean(readSettings(env), { allData: false }, () => {});
    rmSync(dataDir, { recursive: true, force: true });
  });
  say('idle: first start, which is not measured');
  await startOnce(context, env, dataDir, 0);
  const starts = context.rounds ?? (quick ? 1 : 5);
  const idleSeconds = quick ? 2 : 10;
  const rounds: Round[] = [];
  for (let round = 0; round < starts; round += 1) {
    say(`idle: start ${round + 1} of ${starts}`);
    rounds.push(await startOnce(context, env, dataDir, idleSeconds));
  }
  return { tables: [tableOf(rounds, idleSeconds)], data: rounds };
};

/** The user's environment without settings of Longshore, except the engine to use. */
async function environment(dataDir: string): Promise<NodeJS.ProcessEnv> {
  const ours = settingTable.map(({ env }) => env).filter((name) => name !== 'DOCKER_HOST');
  const rest = Object.entries(process.env).filter(([name]) => !ours.includes(name));
  return { ...Object.fromEntries(rest), LONGSHORE_DATA_DIR: dataDir, LONGSHORE_PORT: String(await freePort()) };
}

async function startOnce(
  { cleanup }: BenchContext,
  env: NodeJS.ProcessEnv,
  dataDir: string,
  idleSeconds: number,
): Promise<Round> {
  const began = performance.now();
  const child = spawn('npm', ['start', '--silent'], { cwd: packageRoot, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const stop = cleanup.add(async () => await end(child, dataDir));
  try {
    await readyLine(child);
    const secondsToReady = (performance.now() - began) / 1000;
    await sleep(idleSeconds * 1000);
    return { secondsToReady, memory: memoryOfParts(readInstance(dataDir)?.pid ?? 0) };
  } finally {
    await stop();
  }
}

async function readyLine({ stdout, stderr }: ChildProcess): Promise<void> {
  if (!stdout || !stderr) throw new Error('npm start has no output.');
  let words = '';
  stderr.on('data', (chunk) => {
    words = (words + chunk).slice(-1000);
  });
  for await (const line of createInterface({ input: stdout })) if (line.includes('is ready')) return;
  throw new Error(`npm start ended before it was ready: ${words}`);
}

/** Signals the supervisor itself: npm does not always pass a signal on. */
async function end(child: ChildProcess, dataDir: string): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const supervisor = readInstance(dataDir)?.pid;
  if (supervisor !== undefined && processTree(child.pid ?? 0).includes(supervisor)) process.kill(supervisor, 'SIGTERM');
  else child.kill('SIGTERM');
  await ended;
}

function memoryOfParts(supervisor: number): Record<Part, Memory> {
  const memory = Object.fromEntries(parts.map((part) => [part, { pss: 0, rss: 0 }])) as Record<Part, Memory>;
  for (const pid of processTree(supervisor)) {
    const part = pid === supervisor ? 'supervisor' : partOf(commandLine(pid));
    const { pss, rss } = memoryOf(pid);
    memory[part] = { pss: memory[part].pss + pss, rss: memory[part].rss + rss };
  }
  return memory;
}

function partOf(command: string): Part {
  if (/redis|valkey/.test(command)) return 'redis';
  if (/cli\.[jt]s api/.test(command)) return 'api';
  return /cli\.[jt]s worker/.test(command) ? 'worker' : 'supervisor';
}

function tableOf(rounds: readonly Round[], idleSeconds: number): Table {
  const pss = (part: Part) => median(rounds.map(({ memory }) => memory[part].pss));
  const rss = (part: Part) => median(rounds.map(({ memory }) => memory[part].rss));
  const total = (value: (part: Part) => number) => parts.reduce((sum, part) => sum + value(part), 0);
  const seconds = median(rounds.map(({ secondsToReady }) => secondsToReady));
  return {
    title: `Idle: memory ${idleSeconds} seconds after the ready line, MiB; seconds from \`npm start\` to the ready line`,
    head: ['', ...parts, 'sum', 'goal'],
    rows: [
      [
        'memory (PSS)',
        ...parts.map((part) => figure(pss(part))),
        figure(total(pss)),
        verdict(total(pss), { most: 200 }),
      ],
      ['memory (RSS)', ...parts.map((part) => figure(rss(part))), figure(total(rss)), ''],
      ['seconds to ready', ...parts.map(() => ''), figure(seconds), verdict(seconds, { most: 2 })],
    ],
    notes: [`n = ${rounds.length} starts after the first; default settings; npm's own process is not counted.`],
  };
}
