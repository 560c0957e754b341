import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { keepRunning, type Running } from '../../scripts/keeper.ts';

/** Starts processes that sleep; `launched` resolves with the n-th of them. */
function sleepers(failures: ReadonlySet<number> = new Set()) {
  const children: ChildProcess[] = [];
  const waiting = new Map<number, (child: ChildProcess) => void>();
  let attempts = 0;
  onTestFinished(() => children.forEach((child) => void child.kill('SIGKILL')));
  return {
    children,
    launched: (count: number) => new Promise<ChildProcess>((resolve) => waiting.set(count, resolve)),
    launch: async (): Promise<Running> => {
      attempts++;
      if (failures.has(attempts)) throw new Error(`attempt ${attempts} fails.`);
      const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
      const ended = once(child, 'exit').then(([, signal]) => `signal ${signal}`);
      children.push(child);
      waiting.get(children.length)?.(child);
      return {
        ended,
        stop: async () => {
          child.kill('SIGTERM');
          await ended;
        },
        kill: () => child.kill('SIGKILL'),
      };
    },
  };
}

test('a killed child is started again, with a line that says so', async () => {
  const { launch, launched, children } = sleepers();
  const lines: string[] = [];
  const kept = await keepRunning('Sleeper', launch, (line) => lines.push(line));
  const second = launched(2);
  children[0]?.kill('SIGKILL');
  const child = await second;
  await kept.stop();
  expect(child.signalCode).toBe('SIGTERM');
  expect(children).toHaveLength(2);
  expect(lines[0]).toBe('Sleeper ended (signal SIGKILL); starting it again.');
});

test('a child that does not start again is tried again', async () => {
  const { launch, launched, children } = sleepers(new Set([2, 3]));
  const lines: string[] = [];
  const kept = await keepRunning('Sleeper', launch, (line) => lines.push(line));
  const second = launched(2);
  children[0]?.kill('SIGKILL');
  await second;
  await kept.stop();
  expect(lines.slice(1, 3)).toEqual([
    'Sleeper does not start: attempt 2 fails. Trying again in 0.2 s.',
    'Sleeper does not start: attempt 3 fails. Trying again in 0.4 s.',
  ]);
});

test('the first start is not tried again', async () => {
  const { launch } = sleepers(new Set([1]));
  await expect(keepRunning('Sleeper', launch, () => {})).rejects.toThrow('attempt 1 fails.');
});

test('a stop between two starts starts nothing more', async () => {
  const { launch, children } = sleepers(new Set([2, 3, 4, 5, 6]));
  let tellEnd = () => {};
  const failed = new Promise<void>((resolve) => {
    tellEnd = resolve;
  });
  const kept = await keepRunning('Sleeper', launch, (line) => line.includes('does not start') && tellEnd());
  children[0]?.kill('SIGKILL');
  await failed;
  await kept.stop();
  expect(children).toHaveLength(1);
});
