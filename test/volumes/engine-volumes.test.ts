/** What the engine is told of volumes, and what a definition's volumes become. */
import { describe, expect, it } from 'vitest';
import { parseEfsFileSystems } from '../../core/efs.ts';
import { namesOf } from '../../runtime/docker/names.ts';
import { createTurns, engineVolume, isVolumeName } from '../../runtime/docker/volumes.ts';
import { DriverError } from '../../runtime/driver.ts';
import { wrongPath } from '../../runtime/host-directory.ts';
import { mountConfig, volumeConfigs } from '../../worker/volumes.ts';

describe('volumes of the engine', () => {
  const names = namesOf('me');

  it('carry whose they are', () => {
    const { Name, Labels, DriverOpts } = engineVolume(names, 'sandbox', { kind: 'scratch', name: 'data' });
    expect(Name).toMatch(/^longshore-me-sandbox\.data\.[0-9a-f]{8}$/);
    expect(Labels).toEqual({ longshore: 'me', 'longshore.sandbox': 'sandbox', 'longshore.volume': 'data' });
    expect(DriverOpts).toEqual({});
  });

  it('have names that differ and that a disk can hold', () => {
    const long = 'x'.repeat(254);
    const [one, two] = ['a', 'b'].map((end) =>
      engineVolume(namesOf('o'.repeat(60)), 's'.repeat(128), { kind: 'scratch', name: `${long}${end}` }),
    );
    expect(one?.Name).not.toBe(two?.Name);
    expect(one?.Name?.length).toBeLessThanOrEqual(255);
  });

  it('of exports are mounted as EFS recommends', () => {
    const volume = { kind: 'nfs', name: 'v', server: 'nas', path: '/exports/data' } as const;
    expect(engineVolume(names, 's', volume).DriverOpts).toMatchObject({
      type: 'nfs',
      device: ':/exports/data',
      o: expect.stringMatching(/^addr=nas,nfsvers=4,/),
    });
  });

  it('have names without a way out', () => {
    for (const name of ['', '.', '..', 'a/b', 'a b', 'x'.repeat(256)]) expect(isVolumeName(name)).toBe(false);
    for (const name of ['a', '_', '-x', '.hidden', 'x'.repeat(255)]) expect(isVolumeName(name)).toBe(true);
  });
});

it('paths are absolute, and folders below have names', () => {
  expect(wrongPath('/srv/efs', ['a', '...', '.b'])).toBeUndefined();
  for (const path of ['srv', '', '/srv/..', '../srv']) expect(wrongPath(path, [])).toContain('not an absolute path');
  for (const name of ['', '.', '..', 'a/b', 'a\0b']) expect(wrongPath('/srv', [name])).toContain('not the name');
});

it('turns of one key follow each other, also after a failure; without a key none waits', async () => {
  const turns = createTurns();
  const order: string[] = [];
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const first = turns('a', async () => {
    await held;
    order.push('first');
    throw new Error('broken');
  });
  const second = turns('a', async () => order.push('second'));
  await turns('b', async () => order.push('other'));
  await turns(undefined, async () => order.push('free'));
  release();
  await expect(first).rejects.toThrow('broken');
  await second;
  expect(order).toEqual(['other', 'free', 'first', 'second']);
});

describe("a definition's volumes", () => {
  const efs = () => parseEfsFileSystems('{"fs-00000000": "nfs://nas/exports", "fs-00000001": "/srv/efs"}');

  it('are scratch, a directory or an export', () => {
    const volumes = [
      { name: 'plain' },
      { name: 'host', host: {} },
      { name: 'remote', efsVolumeConfiguration: { fileSystemId: 'fs-00000000', rootDirectory: '/' } },
      { name: 'local', efsVolumeConfiguration: { fileSystemId: 'fs-00000001', rootDirectory: '/a/b' } },
    ];
    expect(volumeConfigs({ volumes }, efs)).toEqual([
      { kind: 'scratch', name: 'plain' },
      { kind: 'scratch', name: 'host' },
      { kind: 'nfs', name: 'remote', server: 'nas', path: '/exports' },
      { kind: 'directory', name: 'local', path: '/srv/efs', subPath: ['a', 'b'] },
    ]);
  });

  it('without a place are an error of the volume; a mapping is read only when it is needed', () => {
    const volumes = [{ name: 'v', efsVolumeConfiguration: { fileSystemId: 'fs-00000002' } }];
    expect(() => volumeConfigs({ volumes }, efs)).toThrow(DriverError);
    const broken = () => {
      throw new Error('not to be read');
    };
    expect(volumeConfigs({ volumes: [{ name: 'plain' }] }, broken)).toHaveLength(1);
  });

  it('are mounted as containers say', () => {
    expect(mountConfig({ mountPoints: [], volumesFrom: [] })).toEqual({});
    expect(
      mountConfig({
        mountPoints: [{ sourceVolume: 'v', containerPath: '/v', readOnly: true }],
        volumesFrom: [{ sourceContainer: 'c' }],
        linuxParameters: { tmpfs: [{ containerPath: '/t', size: 2, mountOptions: ['noexec'] }] },
      }),
    ).toEqual({
      mounts: [{ volume: 'v', path: '/v', readOnly: true }],
      mountsFrom: [{ container: 'c', readOnly: false }],
      memoryMounts: [{ path: '/t', size: 2 * 2 ** 20, options: ['noexec'] }],
    });
  });
});
