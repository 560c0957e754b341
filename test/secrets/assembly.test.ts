/** The API and a worker as the command line assembles them: a secret put through one reaches a task on the other. */
import { join } from 'node:path';
import {
  CreateClusterCommand,
  DescribeTasksCommand,
  ECSClient,
  RegisterTaskDefinitionCommand,
  RunTaskCommand,
  waitUntilTasksStopped,
} from '@aws-sdk/client-ecs';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { pino } from 'pino';
import { expect, it, onTestFinished } from 'vitest';
import { loadOrCreateCredentials } from '../../api/credentials.ts';
import { startApi } from '../../api/main.ts';
import { readSettings } from '../../core/settings.ts';
import { startEmbeddedRedis } from '../../scripts/embedded-redis.ts';
import { startWorker } from '../../worker/main.ts';
import { freePort } from '../support/free-port.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { executionRoleArn } from './support.ts';

it('a secret goes from the API to a task', async () => {
  const dataDir = await temporaryDirectory();
  const redis = await startEmbeddedRedis(join(dataDir, 'redis'));
  onTestFinished(async () => await redis.stop());
  const settings = readSettings({
    LONGSHORE_DATA_DIR: dataDir,
    LONGSHORE_PORT: String(await freePort()),
    LONGSHORE_RUNTIME: 'fake',
    LONGSHORE_WORKER_MEMORY: '4096',
    LONGSHORE_SECRETS_KEY: join(dataDir, 'elsewhere', 'the.key'),
  });
  const log = pino({ level: 'silent' });
  const api = await startApi({ settings, redisUrl: redis.url, log });
  onTestFinished(async () => await api.close());
  const worker = await startWorker({ settings, redisUrl: redis.url, installation: 'test', log });
  onTestFinished(async () => await worker.close({ stopTasks: true }));

  const client = {
    endpoint: api.endpoint,
    region: 'us-east-1',
    credentials: await loadOrCreateCredentials(dataDir, '000000000000'),
  };
  const secretsManager = new SecretsManagerClient(client);
  const ecs = new ECSClient(client);
  onTestFinished(() => {
    secretsManager.destroy();
    ecs.destroy();
  });
  await ecs.send(new CreateClusterCommand({}));
  const { ARN } = await secretsManager.send(new CreateSecretCommand({ Name: 'end', SecretString: '{"code":37}' }));
  await ecs.send(
    new RegisterTaskDefinitionCommand({
      family: 'f',
      networkMode: 'awsvpc',
      requiresCompatibilities: ['FARGATE'],
      cpu: '256',
      memory: '512',
      executionRoleArn,
      containerDefinitions: [
        {
          name: 'app',
          image: 'simulated',
          environment: [{ name: 'FAKE_RUN_FOR_MS', value: '1' }],
          secrets: [{ name: 'FAKE_EXIT_CODE', valueFrom: `${ARN}:code::` }],
        },
      ],
    }),
  );
  const { tasks = [] } = await ecs.send(
    new RunTaskCommand({
      taskDefinition: 'f',
      launchType: 'FARGATE',
      networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-12345678'] } },
    }),
  );
  const ended = { tasks: [tasks[0]?.taskArn ?? ''] };
  await waitUntilTasksStopped({ client: ecs, maxWaitTime: 25, minDelay: 0.05, maxDelay: 0.2 }, ended);
  const { tasks: [task] = [] } = await ecs.send(new DescribeTasksCommand(ended));
  expect(task).toMatchObject({ stopCode: 'EssentialContainerExited', containers: [{ exitCode: 37 }] });
});
