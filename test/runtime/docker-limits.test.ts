/** When a sandbox's limit of processor time holds: its first containers start without it. */
import { randomInt, randomUUID } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDockerDriver } from '../../runtime/docker/driver.ts';
import type { ContainerHandle, Driver } from '../../runtime/driver.ts';
import { engineMissing, makeBusyboxImage, type TestImage } from './images.ts';
import { plainContainer } from './suite-tools.ts';

const owner = `test-${randomUUID().slice(0, 8)}`;
const notOurs = 'systemd keeps the limits of its slices';

/** Microseconds of each tenth of a second, `max` or -1 for no limit; undefined: the tree is not ours. */
function quotaFile(sandboxId: string): string | undefined {
  const group = join(`longshore-${owner}`, sandboxId);
  const files = [join('/sys/fs/cgroup/cpu', group, 'cpu.cfs_quota_us'), join('/sys/fs/cgroup', group, 'cpu.max')];
  return files.find((file) => existsSync(file));
}

const skipReason = await engineMissing();

describe.skipIf(skipReason)(skipReason ? `processor time (skipped: ${skipReason})` : 'processor time', () => {
  const prefix = `10.${randomInt(100, 127)}.${randomInt(0, 256)}`;
  const networkRange = { subnet: `${prefix}.0/26`, gateway: `${prefix}.1` };
  const create = () => createDockerDriver({ owner, networkRange, warmPool: 0, dockerHost: process.env.DOCKER_HOST });
  let image: TestImage;
  let driver: Driver;

  beforeAll(async () => {
    image = await makeBusyboxImage('longshore-test', randomUUID());
    driver = create();
    await driver.open();
    await driver.createSandbox({ id: 'task', hostname: 'h', limits: { cpus: 0.25 }, labels: {} });
  });
  afterAll(async () => {
    await driver?.clean();
    await driver?.close();
    await image?.remove();
  });

  const make = async (name: string, command: readonly string[]): Promise<ContainerHandle> =>
    await driver.createContainer({
      ...plainContainer('task', name, image.name),
      command: [...command],
    });
  const quota = () => {
    const file = quotaFile('task');
    return file && readFileSync(file, 'utf8').split(' ')[0]?.trim();
  };

  it('is limited once a container runs, or could not be started', async (context) => {
    if (quota() === undefined) return context.skip(notOurs);
    expect(['-1', 'max']).toContain(quota());
    const broken = await make('broken', ['/no/such/program']);
    await expect(driver.startContainer(broken)).rejects.toMatchObject({ kind: 'start' });
    expect(quota()).toBe('25000');
    await driver.startContainer(await make('runs', ['sh', '-c', 'while true; do sleep 1; done']));
    expect(quota()).toBe('25000');
  });

  it('is limited by the next process when one died before it came to that', async (context) => {
    const file = quotaFile('task');
    if (file === undefined) return context.skip(notOurs);
    writeFileSync(file, file.endsWith('cpu.max') ? 'max' : '-1');
    await driver.close();
    driver = create();
    await driver.open();
    await driver.recover();
    expect(quota()).toBe('25000');
  });
});
