import {
  CreateClusterCommand,
  type ECSClient,
  RegisterTaskDefinitionCommand,
  RunTaskCommand,
  TagResourceCommand,
  UntagResourceCommand,
} from '@aws-sdk/client-ecs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiStack, createApiStack } from '../support/stack.ts';
import { fargate } from './definition-support.ts';
import { refused } from './expect-error.ts';

const scope = { accountId: '000000000000', region: 'us-east-1' };
const arnOf = (cluster: string) => `arn:aws:ecs:us-east-1:000000000000:cluster/${cluster}`;
const choosing = (value: string) => [{ key: 'longshore:runtime', value }];

let stack: ApiStack;
let client: ECSClient;

beforeAll(async () => {
  stack = await createApiStack({ clusterRuntime: 'docker' });
  client = await stack.client();
  await client.send(new RegisterTaskDefinitionCommand(fargate({ family: 'web' })));
  for (const runtime of ['docker', 'microvm']) await worker(runtime);
});
afterAll(() => stack?.close());

/** Somewhere to place tasks: a registration without a process behind it. */
async function worker(runtime: string): Promise<void> {
  const registration = {
    name: `with-${runtime}`,
    instance: 'i',
    process: { bootId: 'b', pid: 1, startedAt: '0' },
    runtime,
    cpuArchitecture: 'X86_64' as const,
    cpu: 100_000,
    memory: 100_000,
    slots: 100,
  };
  await stack.store.workers.register(registration, () => false);
}

async function run(cluster: string, count = 1) {
  return await client.send(
    new RunTaskCommand({
      cluster,
      count,
      taskDefinition: 'web',
      launchType: 'FARGATE',
      networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-0a1b2c3d'] } },
    }),
  );
}

/** Names of the workers that took the tasks. */
async function takers(cluster: string): Promise<readonly string[]> {
  const { tasks = [], failures } = await run(cluster, 4);
  expect(failures).toEqual([]);
  const found = await stack.store.tasks.get(
    scope,
    tasks.map(({ taskArn = '' }) => taskArn.slice(-32)),
  );
  return [...new Set(found.map((task) => task?.spec.worker ?? ''))];
}

describe("a cluster's tag longshore:runtime", () => {
  it.each(['docker', 'microvm'])('sends its tasks to workers with %s only', async (runtime) => {
    await client.send(new CreateClusterCommand({ clusterName: runtime, tags: choosing(runtime) }));
    expect(await takers(runtime)).toEqual([`with-${runtime}`]);
  });

  it('beats the setting, may be put later and taken away', async () => {
    await client.send(new CreateClusterCommand({ clusterName: 'later' }));
    expect(await takers('later')).toEqual(['with-docker']);
    await client.send(new TagResourceCommand({ resourceArn: arnOf('later'), tags: choosing('microvm') }));
    expect(await takers('later')).toEqual(['with-microvm']);
    await client.send(new TagResourceCommand({ resourceArn: arnOf('later'), tags: choosing('any') }));
    expect(await takers('later')).toHaveLength(2);
    await client.send(new UntagResourceCommand({ resourceArn: arnOf('later'), tagKeys: ['longshore:runtime'] }));
    expect(await takers('later')).toEqual(['with-docker']);
  });

  it('fails RunTask for lack of capacity, saying why, when no worker has it', async () => {
    await client.send(new CreateClusterCommand({ clusterName: 'nowhere', tags: choosing('fake') }));
    expect(await run('nowhere')).toMatchObject({
      tasks: [],
      failures: [
        {
          reason: expect.stringMatching(/^Capacity is unavailable at this time/),
          detail:
            'No Longshore worker has the runtime that the cluster asks for (its tag longshore:runtime, else ' +
            'LONGSHORE_CLUSTER_RUNTIME).',
        },
      ],
    });
  });

  it.each<[string, string, RegExp]>([
    ['longshore:runtime', 'vm', /must be one of any, docker, microvm, fake/],
    ['longshore:runtime', '', /must be one of/],
    ['longshore:runtme', 'microvm', /reserved: longshore:runtme\. There is longshore:runtime/],
    ['Longshore:Runtime', 'microvm', /reserved/],
  ])('is refused as %s=%s', async (key, value, message) => {
    const tags = [{ key, value }];
    await refused(
      client.send(new CreateClusterCommand({ clusterName: 'bad', tags })),
      'InvalidParameterException',
      message,
    );
    await client.send(new CreateClusterCommand({ clusterName: 'good' }));
    const tagging = client.send(new TagResourceCommand({ resourceArn: arnOf('good'), tags }));
    await refused(tagging, 'InvalidParameterException', message);
  });
});
