import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { identify } from '../../core/process-identity.ts';
import { waitForEnd } from '../../scripts/processes.ts';
import { freePort } from '../support/free-port.ts';
import { type Longshore, runLongshore, startLongshore } from '../support/longshore.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const names = ['api', 'worker', 'redis'] as const;

async function started(dataDir: string, port: number): Promise<Longshore> {
  const longshore = startLongshore(dataDir, port);
  await longshore.line('AWS_SECRET_ACCESS_KEY=');
  return longshore;
}

/** Processes of an instance, to see later that they are gone. */
function processes(longshore: Longshore) {
  return names.flatMap((name) => identify(longshore.pid(name)) ?? []);
}

async function answers(port: number): Promise<boolean> {
  const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST' });
  await response.text();
  return response.status > 0;
}

test('a start ends with the endpoint and the exports; Ctrl-C ends everything and `env` repeats them', async () => {
  const [dataDir, port] = [await temporaryDirectory(), await freePort()];
  const longshore = await started(dataDir, port);
  expect(await longshore.line('ready')).toContain(`http://127.0.0.1:${port} in region us-east-1`);
  expect(await longshore.line('Paste this')).toContain(`eval "$(npx longshore env --data-dir ${dataDir})"`);
  expect(await answers(port)).toBe(true);
  const running = processes(longshore);
  expect(running).toHaveLength(3);

  longshore.process.kill('SIGINT');
  expect(await longshore.ended).toBe(0);
  for (const one of running) expect(identify(one.pid)).toBeUndefined();
  const { stdout } = await runLongshore('env', '--data-dir', dataDir);
  expect(stdout).toContain(await longshore.line('AWS_SECRET_ACCESS_KEY='));
  expect(stdout).toContain(`export AWS_ENDPOINT_URL=http://127.0.0.1:${port}\n`);
});

test('a second start in the same data directory is refused and told where the first is', async () => {
  const [dataDir, port] = [await temporaryDirectory(), await freePort()];
  const longshore = await started(dataDir, port);
  const second = startLongshore(dataDir, await freePort());
  const line = await second.line('already running');
  expect(line).toContain(`http://127.0.0.1:${port}`);
  expect(line).toContain(`pid ${longshore.process.pid}`);
  expect(await second.ended).toBe(1);
  const refused = await runLongshore('clean', '--data-dir', dataDir, '--runtime', 'fake');
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('already running') });
  expect(await answers(port)).toBe(true);
});

test('two instances with their own port and data directory run beside each other', async () => {
  const [one, other] = [await temporaryDirectory(), await temporaryDirectory()];
  const ports = [await freePort(), await freePort()] as const;
  await Promise.all([started(one, ports[0]), started(other, ports[1])]);
  expect(await Promise.all(ports.map(answers))).toEqual([true, true]);
});

test.each(names)('a killed %s process is started again', async (name) => {
  const [dataDir, port] = [await temporaryDirectory(), await freePort()];
  const longshore = await started(dataDir, port);
  const killed = longshore.pid(name);
  process.kill(killed, 'SIGKILL');
  await longshore.line('runs again');
  expect(longshore.pid(name)).not.toBe(killed);
  expect(await answers(port)).toBe(true);
});

test('a killed supervisor leaves no process behind, and the next start works', async () => {
  const [dataDir, port] = [await temporaryDirectory(), await freePort()];
  const longshore = await started(dataDir, port);
  const running = processes(longshore);
  longshore.process.kill('SIGKILL');
  await longshore.ended;
  for (const one of running) expect(await waitForEnd(one, 20_000)).toBe(true);
  await started(dataDir, port);
  expect(await answers(port)).toBe(true);
});

test('a port that another program has is told in one sentence', async () => {
  const port = await freePort();
  const other = createServer().listen(port, '127.0.0.1');
  await once(other, 'listening');
  onTestFinished(() => void other.close());
  const longshore = startLongshore(await temporaryDirectory(), port);
  await longshore.line(`Port ${port} on 127.0.0.1 is used by another program`);
  expect(await longshore.ended).toBe(1);
});

test.each([
  [['start', '--port', 'abc'], '--port is "abc", but must be a whole number from 1 to 65535.\n'],
  [
    ['start', '--redis-url', 'redis://:secret@127.0.0.1:1', '--runtime', 'fake'],
    /^No Redis answers at redis:\/\/127\.0\.0\.1:1: /,
  ],
  [['start', '--docker-host', 'tcp://127.0.0.1:1'], /^No Docker Engine answers at tcp:\/\/127\.0\.0\.1:1 /],
  [['api'], /^No Redis is running in /],
  [['env'], /^No instance was ever started in /],
  [['keys', 'add', '--account', '12'], '--account is "12", but must be twelve digits.\n'],
])('%j fails with one sentence', async (args, sentence) => {
  const dataDir = await temporaryDirectory();
  const port = args[0] === 'start' && !args.includes('--port') ? ['--port', String(await freePort())] : [];
  const { code, stderr } = await runLongshore(...args, ...port, '--data-dir', dataDir);
  expect(code).toBe(1);
  expect(stderr).toMatch(sentence);
  expect(stderr.trim().split('\n')).toHaveLength(1);
});
