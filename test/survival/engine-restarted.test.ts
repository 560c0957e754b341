/** The engine is killed or restarted under running tasks. It is an engine of the test's own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { identify } from '../../core/process-identity.ts';
import { connectEngine } from '../../runtime/docker/engine.ts';
import { findProgram } from '../../scripts/programs.ts';
import { containersOf, createEngineInstance, type EngineInstance } from '../support/engine-instance.ts';
import { setVariables } from '../support/environment.ts';
import { eventually } from '../support/eventually.ts';
import { nothingLeft } from '../support/leftovers.ts';
import { describe as describeTasks, idOf, register, run, stop, until, untilStopped } from '../support/tasks.ts';

const dockerd = findProgram('dockerd');
const missing =
  process.platform !== 'linux' || process.geteuid?.() !== 0
    ? '(skipped: a second engine needs Linux and root)'
    : dockerd === undefined
      ? '(skipped: dockerd is not installed)'
      : '';

describe.skipIf(missing !== '')(`an engine that ends under running tasks ${missing}`, () => {
  let engine: TestEngine | undefined;
  let instance: EngineInstance | undefined;
  let restore: (() => void) | undefined;
  afterEach(async () => {
    try {
      await instance?.close();
    } finally {
      await engine?.remove();
      restore?.();
      engine = undefined;
      instance = undefined;
    }
  });

  test('killed, with containers that outlive it: tasks go on, ends meanwhile are told', {
    timeout: 120_000,
  }, async () => {
    engine = await startEngine(['--live-restore']);
    restore = setVariables({ DOCKER_HOST: engine.host });
    instance = await createEngineInstance();
    const ecs = instance.client();
    const { image } = instance;
    await instance.startWorker();
    await register(ecs, 'stays', [{ image, command: ['sh', '-c', 'trap "exit 7" TERM; sleep 1000 & wait'] }]);
    await register(ecs, 'ends', [
      { image, command: ['sh', '-c', 'until [ -e /tmp/end ]; do sleep 0.2; done; exit 42'] },
    ]);
    const [stays = ''] = await run(ecs, 'stays');
    const [ends = ''] = await run(ecs, 'ends');
    await until(ecs, [stays, ends], 'RUNNING');
    const before = await containersOf(instance, idOf(stays));
    await engine.exec((await containersOf(instance, idOf(ends))).app ?? '', [
      'sh',
      '-c',
      '(sleep 3; echo > /tmp/end) &',
    ]);

    await engine.kill();
    // Asked for while no engine is there: it happens when there is one again.
    const [late = ''] = await run(ecs, 'stays');
    const [unharmed] = await describeTasks(ecs, [stays]);
    expect(unharmed?.lastStatus).toBe('RUNNING');
    await engine.start();

    expect((await untilStopped(ecs, ends)).containers?.[0]?.exitCode).toBe(42);
    await until(ecs, [stays, late], 'RUNNING');
    expect(await containersOf(instance, idOf(stays))).toEqual(before);
    await stop(ecs, stays);
    await stop(ecs, late);
    for (const task of await until(ecs, [stays, late], 'STOPPED')) {
      expect(task.stopCode).toBe('UserInitiated');
      expect(task.containers?.[0]?.exitCode).toBe(7);
    }
    await nothingLeft(instance);
  });

  test('restarted, ending its containers: tasks are told as stopped, new ones run', async () => {
    engine = await startEngine([]);
    restore = setVariables({ DOCKER_HOST: engine.host });
    instance = await createEngineInstance({ settings: { LONGSHORE_WARM_POOL: '1' } });
    const ecs = instance.client();
    const { image } = instance;
    await instance.startWorker();
    await register(ecs, 'stays', [{ image, command: ['sh', '-c', 'trap "exit 7" TERM; sleep 1000 & wait'] }]);
    const arns = await run(ecs, 'stays', { count: 2 });
    await until(ecs, arns, 'RUNNING');

    await engine.restart();
    for (const task of await until(ecs, arns, 'STOPPED')) {
      expect(task.stopCode).toBe('EssentialContainerExited');
      expect([7, 137]).toContain(task.containers?.[0]?.exitCode);
    }
    const [next = ''] = await run(ecs, 'stays');
    await until(ecs, [next], 'RUNNING');
    await stop(ecs, next);
    await until(ecs, [next], 'STOPPED');
    await nothingLeft(instance);
  });
});

interface TestEngine {
  readonly host: string;
  start(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** As an administrator does it. */
  restart(): Promise<void>;
  exec(container: string, command: readonly string[]): Promise<void>;
  remove(): Promise<void>;
}

/** Its folders, socket, containerd and network are its own: an engine removes bridges that it takes for left-overs. */
async function startEngine(flags: readonly string[]): Promise<TestEngine> {
  const folder = mkdtempSync(join(tmpdir(), 'longshore-engine-'));
  const network = basename(folder);
  for (const words of [
    ['netns', 'add', network],
    ['-n', network, 'link', 'set', 'lo', 'up'],
  ]) {
    expect(spawnSync('ip', words).status).toBe(0);
  }
  const host = `unix://${folder}/docker.sock`;
  let child: ChildProcess | undefined;
  let printed = '';

  async function start(): Promise<void> {
    const args = ['--data-root', 'data', '--exec-root', 'exec', '--pidfile', 'docker.pid'].map((arg) =>
      arg.startsWith('--') ? arg : join(folder, arg),
    );
    const bridge = ['--bridge', 'none', '--iptables=false', '--ip6tables=false', '--ip-masq=false'];
    const engineWords = [dockerd ?? '', ...args, ...bridge, '--host', host, ...flags];
    rmSync(join(folder, 'docker.pid'), { force: true });
    // nsenter becomes the engine: signals to the child reach it.
    child = spawn('nsenter', [`--net=/run/netns/${network}`, ...engineWords], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child.stderr?.on('data', (chunk) => {
      printed = (printed + chunk).slice(-4000);
    });
    const engine = connectEngine(host);
    try {
      await eventually('the engine to answer', async () => {
        if (child?.exitCode !== null) throw new Error(`dockerd ended: ${printed}`);
        await engine.docker.ping();
        return true;
      });
    } finally {
      engine.close();
    }
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  await start();
  return {
    host,
    start,
    async kill() {
      await end('SIGKILL');
      // Its containerd goes with it; a start that finds that one still dying would wait for it.
      const pid = readFileSync(join(folder, 'exec/containerd/containerd.pid'), 'utf8');
      await eventually('containerd to end', () => (identify(Number(pid)) === undefined ? true : undefined));
      rmSync(join(folder, 'exec/containerd/containerd.pid'));
    },
    async restart() {
      await end('SIGTERM');
      await start();
    },
    async exec(container, command) {
      const engine = connectEngine(host);
      const exec = await engine.docker.getContainer(container).exec({ Cmd: [...command] });
      await exec.start({ Detach: true });
      engine.close();
    },
    async remove() {
      await end('SIGTERM');
      // A shim whose container ended while no engine was there may have been forgotten.
      for (const pid of processesNaming(folder)) spawnSync('kill', ['-KILL', String(pid)]);
      await eventually('what the engine started to end', () => processesNaming(folder).length === 0 || undefined);
      const mounts = readFileSync('/proc/self/mounts', 'utf8').matchAll(/^\S+ (\S+)/gm);
      for (const [, path = ''] of [...mounts].reverse()) if (path.startsWith(folder)) spawnSync('umount', ['-l', path]);
      spawnSync('ip', ['netns', 'delete', network]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Ids of processes that have the words in their command line. */
function processesNaming(words: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(words);
      } catch {
        // It has ended meanwhile.
        return false;
      }
    })
    .map(Number);
}
