import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rootKey, sessionKey, startApi, type TestApi } from './support.ts';

/** Every AWS CLI on this machine's path and where Debian puts its own. */
const clis = [...new Set(['aws', '/usr/bin/aws'].filter(answers))];

function answers(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  }
}

describe.skipIf(clis.length === 0)('the AWS CLI (skipped where no `aws` is installed)', () => {
  let api: TestApi;

  beforeAll(async () => {
    api = await startApi({
      RegisterTaskDefinition: async (input) => ({
        taskDefinition: { ...input, revision: 7, registeredAt: new Date(1_700_000_000_123) },
        tags: input.tags,
      }),
    });
  });

  afterAll(() => api.close());

  const run = async (cli: string, args: readonly string[], key = rootKey) => {
    const env = {
      PATH: process.env.PATH,
      HOME: '/nonexistent',
      AWS_ENDPOINT_URL: api.endpoint,
      AWS_REGION: 'us-east-1',
      AWS_DEFAULT_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: key.accessKeyId,
      AWS_SECRET_ACCESS_KEY: key.secretAccessKey,
      AWS_SESSION_TOKEN: key.sessionToken,
      AWS_MAX_ATTEMPTS: '1',
      AWS_PAGER: '',
    };
    // The flag too: AWS_ENDPOINT_URL is newer than some CLIs.
    const full = ['ecs', ...args, '--endpoint-url', api.endpoint, '--output', 'json'];
    return promisify(execFile)(cli, full, { env });
  };

  const register = [
    'register-task-definition',
    '--family',
    'web',
    '--tags',
    'key=a,value=é',
    '--container-definitions',
  ];
  const containers = JSON.stringify([{ name: 'app', image: 'busybox', memory: 64, dockerLabels: { a: 'b' } }]);

  test.each(clis)('%s calls a handler', async (cli) => {
    const { stdout } = await run(cli, [...register, containers]);
    expect(JSON.parse(stdout)).toMatchObject({
      taskDefinition: { family: 'web', revision: 7, containerDefinitions: JSON.parse(containers) },
      tags: [{ key: 'a', value: 'é' }],
    });
    await expect(run(cli, [...register, containers], sessionKey)).resolves.toBeDefined();
  });

  test.each(clis)('%s shows errors', async (cli) => {
    await expect(run(cli, ['list-services'])).rejects.toMatchObject({
      stderr: expect.stringMatching(/\(UnsupportedFeatureException\).*Longshore does not implement ListServices yet\./),
    });
    await expect(run(cli, ['list-services'], { ...rootKey, secretAccessKey: 'wrong' })).rejects.toMatchObject({
      stderr: expect.stringMatching(/\(InvalidSignatureException\)/),
    });
  });
});
