/** Ephemeral storage: what workers offer, what placement hands out, and which engines can hold a container to it. */
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  CreateClusterCommand,
  type ECSClient,
  RegisterTaskDefinitionCommand,
  RunTaskCommand,
} from '@aws-sdk/client-ecs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { taskKey } from '../../core/task.ts';
import { optionsOf, readDiskQuota } from '../../runtime/docker/disk-quota.ts';
import { offeredDisk } from '../../worker/disk.ts';
import { type ApiStack, createApiStack } from '../support/stack.ts';
import { temporaryDirectory } from '../support/temporary.ts';

describe('a worker offers', () => {
  const settings = {
    workerDisk: undefined,
    diskOvercommit: 50,
    runtime: 'docker' as const,
    dockerHost: undefined,
    dataDir: '/data',
  };

  it('what is free, many times over', () => {
    expect(offeredDisk(settings, () => 10.5)).toBe(525);
  });

  it('what it is told', () => {
    expect(offeredDisk({ ...settings, workerDisk: 100, diskOvercommit: 1 }, () => 1)).toBe(100);
    expect(offeredDisk({ ...settings, workerDisk: 100, diskOvercommit: 1.5, runtime: 'fake' }, () => 1)).toBe(150);
  });

  it('its data directory when the engine is elsewhere, and no number when nothing is written', () => {
    const asked: string[] = [];
    offeredDisk({ ...settings, dockerHost: 'tcp://elsewhere:2375' }, (path) => asked.push(path));
    expect(asked).toEqual(['/data']);
    expect(offeredDisk({ ...settings, runtime: 'fake' }, () => 1)).toBeUndefined();
    expect(
      offeredDisk({ ...settings, dockerHost: 'tcp://elsewhere:2375', dataDir: '/no/such/folder' }),
    ).toBeGreaterThan(0);
  });
});

describe('placement', () => {
  let stack: ApiStack;
  let client: ECSClient;
  let worker = '';
  const instance = randomUUID();

  beforeAll(async () => {
    stack = await createApiStack();
    client = await stack.client();
    await client.send(new CreateClusterCommand({}));
    worker = `w-${randomUUID()}`;
    await stack.store.workers.register(
      {
        name: worker,
        instance,
        process: { bootId: '', pid: 1, startedAt: '' },
        runtime: 'fake',
        cpuArchitecture: 'X86_64',
        cpu: 1_000_000,
        memory: 1_000_000,
        disk: 100,
        slots: 1000,
      },
      () => true,
    );
    await client.send(
      new RegisterTaskDefinitionCommand({
        family: 'f',
        cpu: '256',
        memory: '512',
        networkMode: 'awsvpc',
        requiresCompatibilities: ['FARGATE'],
        containerDefinitions: [{ name: 'c', image: 'i' }],
      }),
    );
  });
  afterAll(async () => {
    await stack?.close();
  });

  const run = (sizeInGiB?: number, count = 1) =>
    client.send(
      new RunTaskCommand({
        taskDefinition: 'f',
        launchType: 'FARGATE',
        count,
        networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-0a1b2c3d'] } },
        ...(sizeInGiB === undefined ? {} : { overrides: { ephemeralStorage: { sizeInGiB } } }),
      }),
    );
  const used = async () => (await stack.store.workers.get(worker))?.diskUsed;

  it('hands storage out once, counts what tasks ask for, and takes it back', async () => {
    const { tasks: large = [] } = await run(40);
    expect(large[0]?.ephemeralStorage).toEqual({ sizeInGiB: 40 });
    expect(await used()).toBe(40);
    const { tasks = [], failures = [] } = await run(undefined, 5);
    expect([tasks.length, failures.length]).toEqual([3, 2]);
    expect(await used()).toBe(100);
    const scope = { accountId: '000000000000', region: 'us-east-1' };
    const taskId = (large[0]?.taskArn ?? '').split('/').at(-1) ?? '';
    expect(await stack.store.workers.tasks(worker)).toContain(taskKey({ ...scope, taskId }));
    const [task] = await stack.store.tasks.get(scope, [taskId]);
    if (!task) throw new Error('The task is not recorded.');
    await stack.store.tasks.observe(task, instance, ({ observed }) => ({ ...observed, stoppedAt: Date.now() }));
    expect(await used()).toBe(60);
    expect((await run(200)).failures).toHaveLength(1);
    expect((await Promise.all(Array.from({ length: 8 }, () => run()))).flatMap(({ tasks }) => tasks)).toHaveLength(2);
    expect(await used()).toBe(100);
  });
});

describe('an engine', () => {
  const facts = (driver: string, backing: string, sameHost = true) => ({
    sameHost,
    rootDirectory: '/var/lib/docker',
    storage: { driver, backing },
  });
  const mounts = (options: string) =>
    [
      '22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw',
      `23 22 8:2 / /var/lib/docker rw,relatime shared:1 - xfs /dev/sdb ${options}`,
      '24 23 8:3 / /var/lib/docker/overlay2/x rw - overlay overlay rw',
    ].join('\n');

  it('holds containers to a size where its file system has project quotas, and says why not elsewhere', async () => {
    const file = join(await temporaryDirectory(), 'mountinfo');
    await writeFile(file, mounts('rw,attr2,prjquota'));
    expect(await readDiskQuota(facts('overlay2', 'xfs'), file)).toEqual({ enforced: true });
    await writeFile(file, mounts('rw,noquota'));
    for (const [driver, backing, sameHost] of [
      ['overlay2', 'xfs', true],
      ['overlay2', 'xfs', false],
      ['overlay2', 'extfs', true],
      ['vfs', '', true],
    ] as const)
      expect(await readDiskQuota(facts(driver, backing, sameHost), file)).toMatchObject({
        enforced: false,
        reason: expect.stringMatching(/\w/),
      });
  });

  it('is looked at on the file system that its folder lies on', () => {
    expect(optionsOf('/var/lib/docker', mounts('rw,prjquota'))).toContain('prjquota');
    expect(optionsOf('/var/lib', mounts('rw,prjquota'))).not.toContain('prjquota');
    expect(optionsOf('/var/lib/dockers', mounts('rw,prjquota'))).not.toContain('prjquota');
  });
});
