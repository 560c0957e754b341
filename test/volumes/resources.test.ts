/** What a task is promised and held to, seen from the kernel's own counters. */
import { availableParallelism } from 'node:os';
import type { ContainerDefinition, Task } from '@aws-sdk/client-ecs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ContainerHandle, ContainerStats } from '../../runtime/driver.ts';
import { engineMissing } from '../runtime/images.ts';
import { startWholeStack, type WholeStack } from './whole-stack.ts';

const skipReason = await engineMissing();

describe.skipIf(skipReason)('resources of a task', () => {
  let stack: WholeStack;

  beforeAll(async () => {
    stack = await startWholeStack();
  });
  afterAll(async () => {
    await stack?.close();
  });

  const container = (name: string, script: string, more: Partial<ContainerDefinition> = {}): ContainerDefinition => ({
    name,
    image: stack.image,
    command: ['sh', '-c', script],
    // A first process that knows no signal is not waited for.
    stopTimeout: 2,
    ...more,
  });
  const named = ({ containers = [] }: Task, name: string) => containers.find((each) => each.name === name);
  /** dd keeps a buffer of `mebibytes` filled; the shell that waits for it is not the one that is killed. */
  const takes = (mebibytes: number) => `sleep 0.5; exec dd if=/dev/zero of=/dev/null bs=${mebibytes}M count=100000`;

  it('a container beyond its own memory is killed and reported', async () => {
    const task = await stack.run({ containerDefinitions: [container('app', takes(200), { memory: 64 })] });
    const stopped = await stack.until(task, 'STOPPED');
    expect(stopped).toMatchObject({
      stopCode: 'EssentialContainerExited',
      stoppedReason: 'Essential container in task exited',
    });
    expect(named(stopped, 'app')).toMatchObject({
      exitCode: 137,
      reason: expect.stringMatching(/^OutOfMemoryError: Container killed due to memory usage/),
      lastStatus: 'STOPPED',
    });
  });

  it('the memory of a task holds over all its containers together', async () => {
    // 300 + 300 of 512 MiB: each fits, both do not. What the first has in memory are files, so it is the second's process
    // that the kernel ends.
    const holds = 'head -c 300m /dev/zero > /scratch/file && echo filled; while true; do sleep 0.1; done';
    const linuxParameters = { tmpfs: [{ containerPath: '/scratch', size: 400 }] };
    const task = await stack.run({
      containerDefinitions: [
        container('first', holds, { memory: 400, essential: false, linuxParameters }),
        container('second', `until test -e /flag/go; do sleep 0.05; done; ${takes(300)}`, {
          mountPoints: [{ sourceVolume: 'flag', containerPath: '/flag' }],
        }),
        container('starter', 'while true; do sleep 0.1; done', {
          essential: false,
          mountPoints: [{ sourceVolume: 'flag', containerPath: '/flag' }],
        }),
      ],
      volumes: [{ name: 'flag' }],
    });
    await stack.until(task, 'RUNNING');
    await stack.wrote(task, 'first', 'filled');
    const go = await stack.driver.exec(await stack.handle(task, 'starter'), {
      command: ['touch', '/flag/go'],
      tty: false,
    });
    for await (const _ of go.output);
    const stopped = await stack.until(task, 'STOPPED');
    expect(named(stopped, 'second')).toMatchObject({
      exitCode: 137,
      reason: expect.stringMatching(/^OutOfMemoryError/),
    });
  });

  it('memory that a container reserves is told to the kernel', async () => {
    const script =
      'for f in /sys/fs/cgroup/memory/memory.soft_limit_in_bytes /sys/fs/cgroup/memory.low; do cat $f 2>/dev/null; done; while true; do sleep 0.1; done';
    const task = await stack.run({ containerDefinitions: [container('app', script, { memoryReservation: 96 })] });
    await stack.until(task, 'RUNNING');
    await stack.wrote(task, 'app', String(96 * 2 ** 20));
    await stack.stop(task);
    await stack.until(task, 'STOPPED');
  });

  /** Samples until the containers have used so much together, nanoseconds of processor time. */
  const measure = async (handles: readonly ContainerHandle[], enough: number) => {
    const sample = () => Promise.all(handles.map((handle) => stack.driver.stats(handle)));
    const first = await sample();
    for (;;) {
      const last = await sample();
      const used = last.map((stats, index) => stats.cpuNanoseconds - (first[index] as ContainerStats).cpuNanoseconds);
      const passed = ((last[0] as ContainerStats).at - (first[0] as ContainerStats).at) * 1e6;
      if (used.reduce((sum, each) => sum + each, 0) >= enough) return { used, passed };
    }
  };
  const busy = 'for i in $(seq $CORES); do while true; do :; done & done; wait';
  const environment = [{ name: 'CORES', value: String(availableParallelism()) }];

  it('256 CPU units are a quarter of a core', async () => {
    const task = await stack.run({ cpu: '256', containerDefinitions: [container('app', busy, { environment })] });
    await stack.until(task, 'RUNNING');
    const { used, passed } = await measure([await stack.handle(task, 'app')], 750e6);
    await stack.stop(task);
    const share = (used[0] ?? 0) / passed;
    // The kernel never gives more; a host without time to spare gives less.
    expect(share).toBeLessThan(0.3);
    expect(share).toBeGreaterThan(0.1);
    await stack.until(task, 'STOPPED');
  });

  it("the CPU units of containers divide the task's", async () => {
    const task = await stack.run({
      cpu: '512',
      memory: '1024',
      containerDefinitions: [
        container('small', busy, { cpu: 10, environment }),
        container('large', busy, { cpu: 500, environment }),
      ],
    });
    await stack.until(task, 'RUNNING');
    const handles = await Promise.all(['small', 'large'].map((name) => stack.handle(task, name)));
    // The kernel shares out each core by itself: until it has spread the loops evenly, one may have a core alone.
    let ratio = 0;
    for (let window = 0; window < 8 && ratio <= 2; window += 1) {
      const [small = 0, large = 0] = (await measure(handles, 1.5e9)).used;
      ratio = large / small;
    }
    await stack.stop(task);
    expect(ratio).toBeGreaterThan(2);
    await stack.until(task, 'STOPPED');
  });

  it('open files are limited as on Fargate unless the definition says otherwise', async () => {
    const script = 'ulimit -n; while true; do sleep 0.1; done';
    const ulimits = [{ name: 'nofile' as const, softLimit: 1000, hardLimit: 1000 }];
    const task = await stack.run({
      containerDefinitions: [container('default', script), container('own', script, { ulimits })],
    });
    await stack.until(task, 'RUNNING');
    const { maxOpenFiles = 65_535 } = await stack.driver.capabilities();
    await stack.wrote(task, 'default', String(Math.min(65_535, maxOpenFiles)));
    await stack.wrote(task, 'own', '1000');
    await stack.stop(task);
    await stack.until(task, 'STOPPED');
  });
});
