import {
  CreateClusterCommand,
  DeleteClusterCommand,
  type ECSClient,
  ListTagsForResourceCommand,
  RegisterTaskDefinitionCommand,
  RunTaskCommand,
  StopTaskCommand,
  type Tag,
  TagResourceCommand,
  UntagResourceCommand,
} from '@aws-sdk/client-ecs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WorkerRegistration } from '../../core/worker.ts';
import { type ApiStack, createApiStack } from '../support/stack.ts';
import { fargate } from './definition-support.ts';
import { refused } from './expect-error.ts';

let stack: ApiStack;
let client: ECSClient;

const base = 'arn:aws:ecs:us-east-1:000000000000';
const tag = (resourceArn: string, ...tags: Tag[]) => client.send(new TagResourceCommand({ resourceArn, tags }));
const untag = (resourceArn: string, ...tagKeys: string[]) =>
  client.send(new UntagResourceCommand({ resourceArn, tagKeys }));
const list = async (resourceArn: string) => (await client.send(new ListTagsForResourceCommand({ resourceArn }))).tags;
const many = (count: number, prefix = 'k') =>
  Array.from({ length: count }, (_, index) => ({ key: `${prefix}${index}`, value: '' }));

/** Room for one task; no process is behind it. */
const worker: WorkerRegistration = {
  name: 'w',
  instance: 'i',
  process: { bootId: 'b', pid: 1, startedAt: '0' },
  runtime: 'fake',
  cpuArchitecture: 'X86_64',
  cpu: 1024,
  memory: 2048,
  slots: 4,
};

beforeAll(async () => {
  stack = await createApiStack();
  client = await stack.client();
  await client.send(new CreateClusterCommand({ clusterName: 'c' }));
  await client.send(new RegisterTaskDefinitionCommand(fargate({ family: 'web' })));
});
afterAll(() => stack?.close());

describe('tags', () => {
  it.each([
    `${base}:cluster/c`,
    `${base}:task-definition/web:1`,
  ])('of %s are put, replaced and taken away', async (arn) => {
    expect(await tag(arn, { key: 'a', value: '1' }, { key: 'b' })).toEqual({ $metadata: expect.anything() });
    await tag(arn, { key: 'a', value: '2' });
    expect(await list(arn)).toEqual([
      { key: 'b', value: '' },
      { key: 'a', value: '2' },
    ]);
    await untag(arn, 'a', 'never');
    expect(await list(arn)).toEqual([{ key: 'b', value: '' }]);
  });

  it('are at most 50', async () => {
    const arn = `${base}:task-definition/web:1`;
    await untag(arn, 'b');
    await tag(arn, ...many(50));
    await tag(arn, { key: 'k1', value: 'new' });
    await refused(tag(arn, { key: 'more', value: '' }), 'LimitExceededException');
    expect(await list(arn)).toHaveLength(50);
  });

  it.each<[string, Tag[], RegExp]>([
    ['a reserved key', [{ key: 'aws:x', value: '' }], /reserved/],
    [
      'a key twice',
      [
        { key: 'a', value: '1' },
        { key: 'a', value: '2' },
      ],
      /Duplicate/,
    ],
    ['a long key', [{ key: 'k'.repeat(129), value: '' }], /./],
    ['a long value', [{ key: 'k', value: 'v'.repeat(257) }], /./],
    ['strange characters', [{ key: 'k', value: '<' }], /./],
    ['no tags', [], /empty/],
    ['51 tags', many(51), /50/],
  ])('refuse %s', (_, tags, message) =>
    refused(tag(`${base}:cluster/c`, ...tags), 'InvalidParameterException', message));

  it.each([
    ['nonsense', 'InvalidParameterException', 'The ARN provided is invalid.'],
    ['arn:aws:s3:::bucket', 'InvalidParameterException', 'The ARN provided is invalid.'],
    [`${base}:rocket/x`, 'InvalidParameterException', 'The ARN provided is invalid.'],
    [`${base}:constructor/x`, 'InvalidParameterException', 'The ARN provided is invalid.'],
    [`${base}:task-definition/web`, 'InvalidParameterException', 'The ARN provided is invalid.'],
    [
      `${base}:task/0123456789abcdef0123456789abcdef`,
      'InvalidParameterException',
      'Long arn format must be used for tagging operations',
    ],
    [`${base}:service/web`, 'InvalidParameterException', 'Long arn format must be used for tagging operations'],
    [`${base}:task/c/0123456789abcdef0123456789abcdef`, 'ResourceNotFoundException', /task was not found/],
    [`${base}:task/nowhere/0123456789abcdef0123456789abcdef`, 'ClusterNotFoundException', 'Cluster not found.'],
    [`${base}:service/c/web`, 'ResourceNotFoundException', /service was not found/],
    [
      `${base}:container-instance/c/0123456789abcdef0123456789abcdef`,
      'ResourceNotFoundException',
      /container instance was not found/,
    ],
    [`${base}:task-definition/web:9`, 'ResourceNotFoundException', /task definition was not found/],
    [`${base}:cluster/nowhere`, 'ResourceNotFoundException', /cluster was not found/],
    [`${base.replace('us-east-1', 'us-west-2')}:cluster/c`, 'ResourceNotFoundException', /cluster was not found/],
  ])('are not found for %s', async (arn, name, message) => {
    await refused(tag(arn, { key: 'a', value: '' }), name, message);
    await refused(untag(arn, 'a'), name, message);
    await refused(list(arn), name, message);
  });

  it('cannot be changed on an INACTIVE cluster', async () => {
    await client.send(new CreateClusterCommand({ clusterName: 'gone' }));
    await client.send(new DeleteClusterCommand({ cluster: 'gone' }));
    await refused(
      tag(`${base}:cluster/gone`, { key: 'a', value: '' }),
      'InvalidParameterException',
      'The specified cluster is inactive. Specify an active cluster and try again.',
    );
  });

  it('of a task are kept until it is stopped, and its cluster stays', async () => {
    await client.send(new CreateClusterCommand({ clusterName: 'tasks' }));
    await stack.store.workers.register(worker, () => false);
    const { tasks, failures } = await client.send(
      new RunTaskCommand({
        cluster: 'tasks',
        taskDefinition: 'web',
        launchType: 'FARGATE',
        tags: [{ key: 'born', value: 'yes' }],
        networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-0123456789abcdef0'] } },
      }),
    );
    expect(failures).toEqual([]);
    const arn = tasks?.[0]?.taskArn ?? '';
    await tag(arn, { key: 'later', value: 'yes' });
    await untag(arn, 'born');
    expect(await list(arn)).toEqual([{ key: 'later', value: 'yes' }]);
    await refused(
      client.send(new DeleteClusterCommand({ cluster: 'tasks' })),
      'ClusterContainsTasksException',
      'The Cluster cannot be deleted while Tasks are active.',
    );
    await client.send(new StopTaskCommand({ cluster: 'tasks', task: arn }));
    await refused(
      tag(arn, { key: 'late', value: '' }),
      'InvalidParameterException',
      'The specified task is stopped. Specify a running task and try again.',
    );
  });

  it('put at once are all kept', async () => {
    await client.send(new CreateClusterCommand({ clusterName: 'busy' }));
    await Promise.all(many(20).map((each) => tag(`${base}:cluster/busy`, each)));
    expect(await list(`${base}:cluster/busy`)).toHaveLength(20);
  });
});
