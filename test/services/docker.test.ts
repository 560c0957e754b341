/** Services with real containers, driven by the AWS CLI with its waiters. */
import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadOrCreateCredentials } from '../../api/credentials.ts';
import { engineMissing } from '../runtime/images.ts';
import { createEngineInstance, type EngineInstance } from '../support/engine-instance.ts';
import { nothingLeft } from '../support/leftovers.ts';
import { register } from '../support/tasks.ts';
import { untilStable } from './support.ts';

const missing = (await engineMissing()) ?? cliMissing();

/** Why it cannot be tried here. */
function cliMissing(): string | undefined {
  try {
    execFileSync('aws', ['--version'], { stdio: 'ignore' });
    return undefined;
  } catch (error) {
    return `(there is no aws: ${(error as Error).message})`;
  }
}

describe.skipIf(missing !== undefined)(`services on Docker ${missing ?? ''}`, () => {
  let instance: EngineInstance;
  let aws: (...args: string[]) => Promise<string>;
  beforeAll(async () => {
    instance = await createEngineInstance({ settings: { LONGSHORE_SERVICE_HEALTHY_AFTER: '1' } });
    await instance.startWorker();
    const key = await loadOrCreateCredentials(instance.dataDir, '000000000000');
    const env = {
      PATH: process.env.PATH,
      HOME: '/nonexistent',
      AWS_DEFAULT_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: key.accessKeyId,
      AWS_SECRET_ACCESS_KEY: key.secretAccessKey,
      AWS_PAGER: '',
    };
    aws = async (...args) => {
      const full = ['ecs', ...args, '--endpoint-url', instance.endpoint, '--output', 'text'];
      return (await promisify(execFile)('aws', full, { env })).stdout.trim();
    };
  });
  afterAll(async () => {
    if (instance) await nothingLeft(instance).finally(instance.close);
  });

  // The CLI's waiters ask every fifteen seconds.
  test('create, deploy anew, scale and delete, until the waiters are content', { timeout: 400_000 }, async () => {
    const shell = { image: instance.image, command: ['sh', '-c', 'trap "exit 0" TERM; sleep 1000 & wait'] };
    await register(instance.client(), 'web', [
      { ...shell, healthCheck: { command: ['CMD-SHELL', 'true'], interval: 5, startPeriod: 1 } },
    ]);
    await aws(
      ...['create-service', '--service-name', 'web', '--task-definition', 'web', '--desired-count', '2'],
      ...['--launch-type', 'FARGATE', '--network-configuration', 'awsvpcConfiguration={subnets=[subnet-12345678]}'],
    );
    await untilStable(instance.client(), 'web', 120_000);
    expect(await aws('list-tasks', '--service-name', 'web', '--query', 'length(taskArns)')).toBe('2');
    await aws('update-service', '--service', 'web', '--force-new-deployment', '--desired-count', '1');
    await aws('wait', 'services-stable', '--services', 'web');
    const deployments = 'services[0].deployments[].[rolloutState,runningCount]';
    expect(await aws('describe-services', '--services', 'web', '--query', deployments)).toBe('COMPLETED\t1');
    await aws('delete-service', '--service', 'web', '--force');
    await aws('wait', 'services-inactive', '--services', 'web');
  });
});
