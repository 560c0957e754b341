/** From RunTask to the last word about a task, with real containers: what ECS tells of each kind of end. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ListClustersCommand } from '@aws-sdk/client-ecs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { engineMissing } from '../runtime/images.ts';
import { createEngineInstance, type EngineInstance } from '../support/engine-instance.ts';
import { eventually } from '../support/eventually.ts';
import { nothingLeft } from '../support/leftovers.ts';
import { emptyRegistry, registryFor, silentRegistry, type TestRegistry } from '../support/registries.ts';
import { describe as describeTasks, idOf, register, run, stop, until, untilStopped } from '../support/tasks.ts';

const missing = await engineMissing();

describe.skipIf(missing !== undefined)(`tasks on Docker ${missing ?? ''}`, () => {
  let instance: EngineInstance;
  const registries: TestRegistry[] = [];
  beforeAll(async () => {
    instance = await createEngineInstance({ settings: { LONGSHORE_WARM_POOL: '2' } });
    await instance.startWorker();
  });
  afterAll(async () => {
    await Promise.all(registries.map(async (registry) => await registry.close()));
    if (instance) await nothingLeft(instance).finally(instance.close);
  });

  const shell = (script: string) => ({ image: instance.image, command: ['sh', '-c', script] });
  const waits = (onTerm: string) => shell(`trap "${onTerm}" TERM; sleep 1000 & wait`);

  describe.concurrent('how programs end', () => {
    for (const code of [0, 3]) {
      test(`exit code ${code}`, async () => {
        const ecs = instance.client();
        await register(ecs, `exit-${code}`, [shell(`exit ${code}`)]);
        const [arn = ''] = await run(ecs, `exit-${code}`);
        const task = await untilStopped(ecs, arn);
        expect(task).toMatchObject({
          desiredStatus: 'STOPPED',
          stopCode: 'EssentialContainerExited',
          stoppedReason: 'Essential container in task exited',
        });
        expect(task.containers?.[0]).toMatchObject({ lastStatus: 'STOPPED', exitCode: code });
        expect(task.containers?.[0]?.reason).toBeUndefined();
        const times = [task.createdAt, task.pullStartedAt, task.pullStoppedAt, task.startedAt];
        const ends = [task.executionStoppedAt, task.stoppedAt];
        for (const time of [...times, ...ends]) expect(time).toBeInstanceOf(Date);
        expect(times.map(Number)).toEqual([...times].map(Number).sort((a, b) => a - b));
        expect(ends.map(Number)).toEqual([...ends].map(Number).sort((a, b) => a - b));
      });
    }

    test('a program without a handler ends with 143 when an init passes SIGTERM on', async () => {
      const ecs = instance.client();
      const linuxParameters = { initProcessEnabled: true };
      await register(ecs, 'plain', [{ image: instance.image, command: ['sleep', '1000'], linuxParameters }]);
      const [arn = ''] = await run(ecs, 'plain');
      await until(ecs, [arn], 'RUNNING');
      await stop(ecs, arn);
      const task = await untilStopped(ecs, arn);
      expect(task).toMatchObject({ stopCode: 'UserInitiated', stoppedReason: 'Task stopped by user' });
      expect(task.containers?.[0]?.exitCode).toBe(143);
    });

    test('a program that ignores SIGTERM is killed after its stopTimeout: 137', async () => {
      const ecs = instance.client();
      await register(ecs, 'stubborn', [{ ...waits(''), command: ['sleep', '1000'], stopTimeout: 2 }]);
      const [arn = ''] = await run(ecs, 'stubborn');
      await until(ecs, [arn], 'RUNNING');
      await stop(ecs, arn, 'enough');
      const [stopping] = await describeTasks(ecs, [arn]);
      expect(stopping?.desiredStatus).toBe('STOPPED');
      await stop(ecs, arn, 'a second time');
      const task = await untilStopped(ecs, arn);
      expect(task).toMatchObject({ stopCode: 'UserInitiated', stoppedReason: 'enough' });
      expect(task.containers?.[0]?.exitCode).toBe(137);
      expect(task.containers?.[0]?.reason).toBeUndefined();
      expect(Number(task.stoppedAt) - Number(task.stoppingAt)).toBeGreaterThanOrEqual(2000);
    });

    test('more memory than the task has: 137, OutOfMemoryError', async () => {
      const ecs = instance.client();
      await register(ecs, 'greedy', [shell('dd if=/dev/zero of=/dev/null bs=700M count=1; exit 0')]);
      await register(ecs, 'greedy-container', [
        { ...shell('sleep 0.5; exec dd if=/dev/zero of=/dev/null bs=200M'), memory: 64 },
      ]);
      await register(ecs, 'greedy-first', [shell('sleep 0.5; exec dd if=/dev/zero of=/dev/null bs=700M')]);
      const arns = [...(await run(ecs, 'greedy-first')), ...(await run(ecs, 'greedy-container'))];
      for (const task of await until(ecs, arns, 'STOPPED')) {
        expect(task.stopCode).toBe('EssentialContainerExited');
        expect(task.containers?.[0]).toMatchObject({
          exitCode: 137,
          reason: 'OutOfMemoryError: Container killed due to memory usage',
        });
      }
    });
  });

  describe.concurrent('what cannot start', () => {
    test('a command that the image does not have', async () => {
      const ecs = instance.client();
      await register(ecs, 'no-command', [{ image: instance.image, command: ['/no/such/command'] }, waits('exit 0')]);
      const [arn = ''] = await run(ecs, 'no-command');
      const task = await untilStopped(ecs, arn);
      expect(task.stopCode).toBe('TaskFailedToStart');
      expect(task.stoppedReason).toMatch(/^CannotStartContainerError: .*no such file or directory/);
      expect(task.containers?.[0]?.reason).toMatch(/^CannotStartContainerError: /);
      expect(task.containers?.[0]?.exitCode).toBeUndefined();
      expect(task.startedAt).toBeUndefined();
    });

    test('an image that its registry does not have', async () => {
      const registry = await emptyRegistry();
      registries.push(registry);
      const ecs = instance.client();
      await register(ecs, 'no-image', [{ image: `${registry.host}/none:1` }]);
      const [arn = ''] = await run(ecs, 'no-image');
      const task = await untilStopped(ecs, arn);
      expect(task.stopCode).toBe('TaskFailedToStart');
      expect(task.stoppedReason).toMatch(/^CannotPullContainerError: .*none:1.*not found/);
      expect(task.containers?.[0]?.reason).toBe(task.stoppedReason);
    });

    test('an image whose registry is not there', async () => {
      const registry = await silentRegistry();
      await registry.close();
      const ecs = instance.client();
      await register(ecs, 'no-registry', [{ image: `${registry.host}/any:1` }]);
      const [arn = ''] = await run(ecs, 'no-registry');
      const task = await untilStopped(ecs, arn);
      expect(task.stopCode).toBe('TaskFailedToStart');
      expect(task.stoppedReason).toMatch(/^CannotPullContainerError: .*failed to do request/);
    });

    test('a registry that takes connections and never answers holds nothing up, and the task can be stopped', async () => {
      const registry = await silentRegistry();
      registries.push(registry);
      const ecs = instance.client();
      await register(ecs, 'silent', [{ image: `${registry.host}/any:1` }]);
      await register(ecs, 'meanwhile', [shell('exit 0')]);
      const [arn = ''] = await run(ecs, 'silent');
      await eventually('the pull to begin', async () => {
        const [task] = await describeTasks(ecs, [arn]);
        return task?.lastStatus === 'PENDING' ? true : undefined;
      });
      const [other = ''] = await run(ecs, 'meanwhile');
      await untilStopped(ecs, other);
      await stop(ecs, arn);
      expect((await untilStopped(ecs, arn)).stopCode).toBe('UserInitiated');
    });

    test('an image for another processor', async () => {
      const registry = await registryFor(process.arch === 'arm64' ? 'amd64' : 'arm64');
      registries.push(registry);
      const ecs = instance.client();
      await register(ecs, 'foreign', [{ image: `${registry.host}/any:1` }]);
      const [arn = ''] = await run(ecs, 'foreign');
      const task = await untilStopped(ecs, arn);
      expect(task.stopCode).toBe('TaskFailedToStart');
      expect(task.stoppedReason).toMatch(/^CannotPullContainerError: .*platform/);
    });
  });

  describe.concurrent('several containers', () => {
    test('the end of one essential container stops the others', async () => {
      const ecs = instance.client();
      await register(ecs, 'pair', [shell('sleep 1; exit 3'), waits('exit 7')]);
      const [arn = ''] = await run(ecs, 'pair');
      const task = await untilStopped(ecs, arn);
      expect(task.stopCode).toBe('EssentialContainerExited');
      expect(task.containers?.map(({ name, exitCode }) => [name, exitCode])).toEqual([
        ['app', 3],
        ['side1', 7],
      ]);
    });

    test('the end of one that is not essential does not', async () => {
      const ecs = instance.client();
      await register(ecs, 'helper', [waits('exit 0'), { ...shell('exit 5'), essential: false }]);
      const [arn = ''] = await run(ecs, 'helper');
      await eventually('the helper to end', async () => {
        const [task] = await describeTasks(ecs, [arn]);
        const [app, helper] = task?.containers ?? [];
        if (helper?.lastStatus !== 'STOPPED' || app?.lastStatus !== 'RUNNING') return undefined;
        expect(helper.exitCode).toBe(5);
        expect(task).toMatchObject({ lastStatus: 'RUNNING', desiredStatus: 'RUNNING' });
        return true;
      });
      await stop(ecs, arn);
      expect((await untilStopped(ecs, arn)).containers?.[0]?.exitCode).toBe(0);
    });

    test('they reach each other on localhost', async () => {
      const ecs = instance.client();
      await register(ecs, 'local', [
        shell('until wget -q -O /tmp/got http://127.0.0.1:8080/word; do sleep 0.1; done; grep -q hello /tmp/got'),
        shell('echo hello > /tmp/word; trap "exit 0" TERM; httpd -f -p 8080 -h /tmp & wait'),
      ]);
      const [arn = ''] = await run(ecs, 'local');
      expect((await untilStopped(ecs, arn)).containers?.[0]?.exitCode).toBe(0);
    });

    test('ten at once have ten addresses, and the host reaches each', async () => {
      const ecs = instance.client();
      const serve = 'echo -n $HOSTNAME > /tmp/name; trap "exit 0" TERM; httpd -f -p 8080 -h /tmp & wait';
      await register(ecs, 'ten', [shell(serve)]);
      const arns = await run(ecs, 'ten', { count: 10 });
      expect(arns).toHaveLength(10);
      const tasks = await until(ecs, arns, 'RUNNING');
      const addresses = tasks.map(
        ({ containers }) => containers?.[0]?.networkInterfaces?.[0]?.privateIpv4Address ?? '',
      );
      expect(new Set(addresses).size).toBe(10);
      for (const [index, task] of tasks.entries()) {
        const details = task.attachments?.[0]?.details ?? [];
        expect(details.find(({ name }) => name === 'privateIPv4Address')?.value).toBe(addresses[index]);
      }
      const names = await Promise.all(
        addresses.map(
          async (address) =>
            await eventually(`an answer from ${address}`, async () => {
              const answer = await fetch(`http://${address}:8080/name`, { signal: AbortSignal.timeout(2000) });
              return answer.ok ? await answer.text() : undefined;
            }),
        ),
      );
      expect(new Set(names).size).toBe(10);
      await Promise.all(arns.map(async (arn) => await stop(ecs, arn)));
      await until(ecs, arns, 'STOPPED');
    });

    test('a task reaches the API at its gateway, but neither Redis nor the engine', async () => {
      const ecs = instance.client();
      const { port } = new URL(instance.endpoint);
      const script = `
        gateway=$(ip route | sed -n 's/^default via \\([0-9.]*\\).*/\\1/p')
        wget -q -O /tmp/health http://$gateway:${port}/_longshore/health || exit 11
        grep -q ok /tmp/health || exit 12
        for port in 6379 2375 2376; do nc -w 1 $gateway $port </dev/null && exit 13; done
        for path in /var/run/docker.sock /run/docker.sock ${instance.dataDir}; do [ -e $path ] && exit 14; done
        exit 0`;
      await register(ecs, 'reach', [shell(script)]);
      const [arn = ''] = await run(ecs, 'reach');
      expect((await untilStopped(ecs, arn)).containers?.[0]?.exitCode).toBe(0);
    });
  });

  test('a program that forks without end stays within its task, and can be stopped', {
    timeout: 90_000,
  }, async () => {
    const ecs = instance.client();
    const bomb = 'f() { f | f & }; f; f; trap "" TERM; while true; do sleep 1; done';
    await register(ecs, 'bomb', [{ ...shell(bomb), stopTimeout: 2 }], { cpu: '256', memory: '2048' });
    await register(ecs, 'neighbour', [shell('exit 4')]);
    const [arn = ''] = await run(ecs, 'bomb');
    await until(ecs, [arn], 'RUNNING');
    const most = await eventually('the bomb to go off', () => {
      const processes = processesOf(instance.installation, idOf(arn));
      return processes === undefined || processes > 600 ? (processes ?? 0) : undefined;
    });
    expect(most).toBeLessThanOrEqual(4096);
    // The host, the engine and the API go on meanwhile.
    const [other = ''] = await run(ecs, 'neighbour');
    expect((await untilStopped(ecs, other)).containers?.[0]?.exitCode).toBe(4);
    expect(processesOf(instance.installation, idOf(arn)) ?? 0).toBeLessThanOrEqual(4096);
    await stop(ecs, arn);
    const task = await untilStopped(ecs, arn, 60_000);
    expect(task.stopCode).toBe('UserInitiated');
  });

  test('a client whose clock is wrong is refused, and helped to correct it', async () => {
    const late = instance.client({ systemClockOffset: -20 * 60 * 1000 });
    await expect(late.send(new ListClustersCommand({}))).rejects.toMatchObject({
      name: 'InvalidSignatureException',
      message: expect.stringMatching(/^Signature expired: .* is now earlier than/),
    });
    const early = instance.client({ systemClockOffset: 20 * 60 * 1000 });
    await expect(early.send(new ListClustersCommand({}))).rejects.toMatchObject({ name: 'InvalidSignatureException' });
    const patient = instance.client({ systemClockOffset: -20 * 60 * 1000, maxAttempts: 2 });
    expect((await patient.send(new ListClustersCommand({}))).clusterArns).toHaveLength(1);
  });
});

/** Processes under the task's limit now; undefined where its cgroup cannot be read. */
function processesOf(installation: string, taskId: string): number | undefined {
  for (const tree of ['/sys/fs/cgroup/pids', '/sys/fs/cgroup']) {
    const path = join(tree, `longshore-${installation}`, taskId, 'pids.current');
    if (existsSync(path)) return Number(readFileSync(path, 'utf8'));
  }
  return undefined;
}
