import { readFile } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readSettings, settingsToEnv, settingTable } from '../../core/settings.ts';

describe('settings', () => {
  test('have defaults', () => {
    expect(readSettings({})).toMatchObject({
      host: '127.0.0.1',
      port: 4566,
      region: 'us-east-1',
      accountId: '000000000000',
      runtime: 'docker',
      warmPool: 2,
      redisUrl: undefined,
    });
  });

  test('come from the environment, and flags win', () => {
    const env = { LONGSHORE_PORT: '5000', LONGSHORE_WARM_POOL: '0' };
    expect(readSettings(env)).toMatchObject({ port: 5000, warmPool: 0 });
    expect(readSettings(env, { port: '6000' }).port).toBe(6000);
  });

  test('take an empty variable for one that is not set', () => {
    expect(readSettings({ LONGSHORE_PORT: '', DOCKER_HOST: '', LONGSHORE_DATA_DIR: '' })).toEqual(readSettings({}));
  });

  test('make the data directory absolute', () => {
    const { dataDir } = readSettings({ LONGSHORE_DATA_DIR: 'some/folder' });
    expect(isAbsolute(dataDir)).toBe(true);
    expect(dataDir.endsWith('/some/folder')).toBe(true);
  });

  test('survive the way to another process', () => {
    const given = { LONGSHORE_PORT: '5000', REDIS_URL: 'unix:///a b/redis.sock', LONGSHORE_CPU_OVERCOMMIT: '1.5' };
    const settings = readSettings(given);
    expect(readSettings(settingsToEnv(settings))).toEqual(settings);
  });

  test('have one flag and one variable each', () => {
    expect(new Set(settingTable.map(({ flag }) => flag)).size).toBe(settingTable.length);
    expect(new Set(settingTable.map(({ env }) => env)).size).toBe(settingTable.length);
  });

  test.each([
    ['LONGSHORE_PORT', '0'],
    ['LONGSHORE_PORT', '65536'],
    ['LONGSHORE_PORT', '80.5'],
    ['LONGSHORE_PORT', 'http'],
    ['LONGSHORE_ACCOUNT_ID', '12345'],
    ['LONGSHORE_RUNTIME', 'podman'],
    ['LONGSHORE_REDIS_PREFIX', 'no-braces'],
    ['LONGSHORE_CPU_OVERCOMMIT', '0'],
    ['LONGSHORE_MEMORY_OVERCOMMIT', 'NaN'],
    ['LONGSHORE_NETWORK', '10.213.0.0'],
    ['LONGSHORE_NETWORK', '999.1.0.0/16'],
    ['LONGSHORE_NETWORK', '10.213.0.0/31'],
    ['LONGSHORE_NETWORK', '127.0.0.0/8'],
    ['LONGSHORE_NETWORK', '169.254.0.0/16'],
    ['LONGSHORE_WARM_POOL', '-1'],
    ['LONGSHORE_WARM_POOL', '1e2'],
    ['LONGSHORE_WORKER_CPU', '0x10'],
    ['LONGSHORE_CPU_OVERCOMMIT', '-2'],
    ['LONGSHORE_HOST', 'http://127.0.0.1'],
    ['LONGSHORE_HOST', '127.0.0.1:80'],
    ['LONGSHORE_REGION', 'frankfurt'],
    ['LONGSHORE_REGION', 'eu-west-1a'],
    ['LONGSHORE_WORKER_NAME', 'a:b'],
    ['REDIS_URL', 'http://127.0.0.1:6379'],
    ['REDIS_URL', 'unix://relative.sock'],
    ['REDIS_URL', '127.0.0.1:6379'],
    ['DOCKER_HOST', '/var/run/docker.sock'],
    ['DOCKER_HOST', 'unix://docker.sock'],
  ])('refuse %s=%s in one sentence that names it', (variable, value) => {
    expect(() => readSettings({ [variable]: value })).toThrow(
      new RegExp(`^${variable} is "${value.replaceAll('.', '\\.')}", but must be [^\n]+\\.$`),
    );
  });

  test.each([
    { LONGSHORE_NETWORK: '10.0.0.0/24' },
    { LONGSHORE_NETWORK: '10.0.0.0/24', LONGSHORE_NETWORK_PREFIX: '23' },
    { LONGSHORE_NETWORK_PREFIX: '29', LONGSHORE_WARM_POOL: '5' },
  ])('refuse what does not fit together: %j', (env) => {
    expect(() => readSettings(env)).toThrow(/^LONGSHORE_(NETWORK_PREFIX|WARM_POOL) is \d+, but [^\n]+\.$/);
  });

  test.each([
    { REDIS_URL: 'rediss://user:secret@redis.example:6380/2', DOCKER_HOST: 'tcp://10.0.0.1:2375' },
    { LONGSHORE_HOST: '::1', LONGSHORE_REGION: 'us-gov-west-1', LONGSHORE_WORKER_NAME: 'ip-10-0-0-1.internal' },
    { LONGSHORE_NETWORK: '10.0.0.0/24', LONGSHORE_NETWORK_PREFIX: '24', LONGSHORE_MEMORY_OVERCOMMIT: '1.5' },
  ])('take %j', (env) => {
    expect(readSettings(env)).toBeDefined();
  });
});

test('the README names every setting with its default, and no other', async () => {
  const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
  const rows = [...readme.matchAll(/^\| `(--[\w-]+)` \| `(\w+)` \| ([^|]+) \|/gm)].map(([, ...cells]) => cells);
  expect(rows).toEqual(settingTable.map(({ flag, env, defaultText }) => [flag, env, defaultText]));
});
