import * as ecs from '@aws-sdk/client-ecs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RequestContext } from '../../api/operation.ts';
import { rootKey, sessionKey, startApi, type TestApi } from './support.ts';

const at = new Date(1_700_000_000_123);
let api: TestApi;
let seen: { input: unknown; context: RequestContext } | undefined;
let calls = 0;

beforeAll(async () => {
  api = await startApi({
    RunTask: async (input, context) => {
      seen = { input, context };
      calls++;
      switch (input.startedBy) {
        case 'not-found':
          throw new ecs.ClusterNotFoundException({ message: 'Cluster not found.', $metadata: {} });
        case 'conflict':
          throw new ecs.ConflictException({ message: 'Used before.', resourceIds: ['arn:a', 'arn:b'], $metadata: {} });
        case 'denied':
          throw new ecs.AccessDeniedException({ message: 'No.', $metadata: {} });
        case 'bug':
          throw new TypeError('secret internals');
        case 'redis': {
          const error = new Error('Reached the max retries per request limit (which is 3).');
          error.name = 'MaxRetriesPerRequestError';
          throw error;
        }
        default:
          return Object.freeze({
            tasks: [
              {
                taskArn: 'arn:task',
                createdAt: at,
                group: input.group,
                tags: input.tags,
                overrides: { containerOverrides: [] },
              },
            ],
            failures: [],
          });
      }
    },
    RegisterTaskDefinition: async (input) => ({
      taskDefinition: Object.freeze({ ...input, registeredAt: at, revision: 1 }),
    }),
  });
});

afterAll(() => api.close());

const run = (input: Partial<ecs.RunTaskCommandInput> = {}, config?: ecs.ECSClientConfig) =>
  api.client(config).send(new ecs.RunTaskCommand({ taskDefinition: 'web', ...input }));

describe('round trips through the SDK', () => {
  test('input, output, times, text beyond ASCII and the request id', async () => {
    const answer = await run({ count: 2, group: 'группа 😀', tags: [{ key: 'ключ', value: '价' }] });
    expect(seen?.input).toMatchObject({
      taskDefinition: 'web',
      count: 2,
      group: 'группа 😀',
      tags: [{ key: 'ключ', value: '价' }],
    });
    expect(seen?.context.caller).toEqual({
      accountId: '000000000000',
      region: 'us-east-1',
      arn: 'arn:aws:iam::000000000000:root',
      accessKeyId: rootKey.accessKeyId,
    });
    expect(answer.tasks).toEqual([
      {
        taskArn: 'arn:task',
        createdAt: at,
        group: 'группа 😀',
        tags: [{ key: 'ключ', value: '价' }],
        overrides: { containerOverrides: [] },
      },
    ]);
    expect(answer.failures).toEqual([]);
    expect(answer.$metadata.requestId).toBe(seen?.context.requestId);
  });

  test('a large definition comes back as it was sent', async () => {
    const containerDefinitions: ecs.ContainerDefinition[] = [
      {
        name: 'app',
        image: 'busybox',
        cpu: 0,
        essential: false,
        dockerLabels: { a: 'b', '': 'empty key' },
        environment: [{ name: 'A', value: '' }],
        portMappings: [{ containerPort: 80, protocol: 'tcp' }],
        logConfiguration: { logDriver: 'awslogs', options: { mode: 'non-blocking' } },
        healthCheck: { command: ['CMD', 'true'], interval: 30 },
      },
    ];
    const command = new ecs.RegisterTaskDefinitionCommand({ family: 'web', containerDefinitions, volumes: [] });
    const { taskDefinition } = await api.client().send(command);
    expect(taskDefinition).toEqual({ family: 'web', containerDefinitions, volumes: [], registeredAt: at, revision: 1 });
  });

  test('the session token and the region of the signature', async () => {
    await run({}, { credentials: sessionKey, region: 'eu-west-3' });
    expect(seen?.context.caller).toEqual({
      accountId: '111111111111',
      region: 'eu-west-3',
      arn: sessionKey.arn,
      accessKeyId: sessionKey.accessKeyId,
    });
  });
});

describe('errors', () => {
  test('are instances of the SDK classes, with their own members', async () => {
    await expect(run({ startedBy: 'not-found' })).rejects.toThrow(ecs.ClusterNotFoundException);
    await expect(run({ startedBy: 'not-found' })).rejects.toThrow('Cluster not found.');
    const conflict = await run({ startedBy: 'conflict' }).catch((error: unknown) => error);
    expect(conflict).toBeInstanceOf(ecs.ConflictException);
    expect(conflict).toMatchObject({ resourceIds: ['arn:a', 'arn:b'], message: 'Used before.', $fault: 'client' });
    expect(conflict).toMatchObject({ $metadata: { httpStatusCode: 400, requestId: expect.any(String) } });
    await expect(run({ startedBy: 'denied' })).rejects.toThrow(ecs.AccessDeniedException);
  });

  test('a fault of ours is told without its insides and logged with the request id', async () => {
    const error = await run({ startedBy: 'bug' }, { maxAttempts: 1 }).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(ecs.ServerException);
    expect(error).toMatchObject({ message: 'Service Unavailable. Please try again later.' });
    const { requestId } = (error as ecs.ServerException).$metadata;
    const line = api.logged.find((text) => text.includes('secret internals'));
    expect(JSON.parse(line ?? '')).toMatchObject({ requestId, operation: 'RunTask' });
  });

  test('a lost state store is named', async () => {
    const failing = run({ startedBy: 'redis' }, { maxAttempts: 1 });
    await expect(failing).rejects.toThrow('The state store is not reachable. Please try again later.');
    await expect(failing).rejects.toMatchObject({ name: 'ServerException', $metadata: { httpStatusCode: 500 } });
  });

  test('an operation that is not built says so, once', async () => {
    const error = await api
      .client({ maxAttempts: 3 })
      .send(new ecs.ListServicesCommand({}))
      .catch((error: unknown) => error);
    expect(error).toBeInstanceOf(ecs.UnsupportedFeatureException);
    expect(error).toMatchObject({
      message: 'Longshore does not implement ListServices yet.',
      $metadata: { attempts: 1, httpStatusCode: 400 },
    });
  });

  test('values that break the model are refused in ECS words', async () => {
    const before = calls;
    const launchType = 'MOON' as ecs.LaunchType;
    const error = await run({ launchType, tags: [{ key: 'k'.repeat(129) }] }).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(ecs.InvalidParameterException);
    expect((error as Error).message).toMatch(
      /^2 validation errors detected: Value 'MOON' at 'launchType' failed to satisfy constraint: Member must satisfy enum value set: \[.*FARGATE.*\]; Value 'k+' at 'tags\.1\.member\.key' failed to satisfy constraint: Member must have length less than or equal to 128$/,
    );
    expect(calls).toBe(before);
  });
});

describe('signatures of the SDK', () => {
  test('a wrong secret', async () => {
    const credentials = { ...rootKey, secretAccessKey: 'wrong' };
    await expect(run({}, { credentials })).rejects.toMatchObject({
      name: 'InvalidSignatureException',
      message: expect.stringMatching(
        /^The request signature we calculated does not match the signature you provided\./,
      ),
    });
  });

  test('an unknown key, and a session token that is missing or wrong', async () => {
    const refused = {
      name: 'UnrecognizedClientException',
      message: 'The security token included in the request is invalid.',
    };
    await expect(run({}, { credentials: { ...rootKey, accessKeyId: 'AKIACCCCCCCCCCCCCCCC' } })).rejects.toMatchObject(
      refused,
    );
    await expect(run({}, { credentials: { ...sessionKey, sessionToken: undefined } })).rejects.toMatchObject(refused);
    await expect(run({}, { credentials: { ...sessionKey, sessionToken: 'other' } })).rejects.toMatchObject(refused);
    await expect(run({}, { credentials: { ...rootKey, sessionToken: 'some' } })).rejects.toMatchObject(refused);
  });

  test('a clock that is off is refused, and corrected by the SDK when it may try again', async () => {
    const slow = { systemClockOffset: -20 * 60_000 };
    await expect(run({}, { ...slow, maxAttempts: 1 })).rejects.toMatchObject({
      name: 'InvalidSignatureException',
      message: expect.stringMatching(
        /^Signature expired: \d{8}T\d{6}Z is now earlier than \d{8}T\d{6}Z \(\d{8}T\d{6}Z - 5 min\.\)$/,
      ),
    });
    const fast = { systemClockOffset: 20 * 60_000 };
    await expect(run({}, { ...fast, maxAttempts: 1 })).rejects.toMatchObject({
      message: expect.stringMatching(
        /^Signature not yet current: \d{8}T\d{6}Z is still later than \d{8}T\d{6}Z \(\d{8}T\d{6}Z \+ 5 min\.\)$/,
      ),
    });
    await expect(run({}, { ...slow, maxAttempts: 2 })).resolves.toBeDefined();
  });
});

test('closing answers the requests that are under way', async () => {
  const begun = gate();
  const released = gate();
  const own = await startApi({
    ListClusters: async () => {
      begun.resolve();
      await released.promise;
      return { clusterArns: ['arn:one'] };
    },
  });
  const answer = own.client().send(new ecs.ListClustersCommand({}));
  await begun.promise;
  const closed = own.closeServer();
  released.resolve();
  await expect(answer).resolves.toMatchObject({ clusterArns: ['arn:one'] });
  await closed;
  await own.close();
});

function gate(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
