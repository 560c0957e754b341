import * as ecs from '@aws-sdk/client-ecs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Task } from '../../core/task.ts';
import { type ApiStack, createApiStack } from '../support/stack.ts';

const subnet = 'subnet-0123456789abcdef0';
const networkConfiguration = { awsvpcConfiguration: { subnets: [subnet] } };
const taskRoleArn = 'arn:aws:iam::111122223333:role/task';
const capacityUnavailable =
  'Capacity is unavailable at this time. Please try again later or in a different availability zone';

const scope = { accountId: '111122223333', region: 'eu-central-1' };
let stack: ApiStack;
let client: ecs.ECSClient;
let workers: { readonly name: string; readonly instance: string }[] = [];

beforeAll(async () => {
  stack = await createApiStack();
  client = await stack.client(scope);
});
afterEach(async () => {
  // What is left of a worker's capacity must not reach the next test.
  for (const { name, instance } of workers) await stack.store.workers.release(name, instance);
  workers = [];
});
afterAll(async () => await stack.close());

let lastNumber = 0;
function unique(what: string): string {
  lastNumber += 1;
  return `${what}-${lastNumber}`;
}

/** Somewhere to place tasks: a registration without a process behind it. */
async function worker(capacity: { memory?: number; slots?: number } = {}): Promise<string> {
  const name = unique('worker');
  const instance = `instance-of-${name}`;
  const registration = {
    name,
    instance,
    process: { bootId: 'none', pid: 1, startedAt: '0' },
    runtime: 'none',
    cpuArchitecture: 'X86_64' as const,
    cpu: 1_000_000,
    memory: capacity.memory ?? 1_000_000,
    slots: capacity.slots ?? 1000,
  };
  await stack.store.workers.register(registration, () => false);
  workers.push({ name, instance });
  return instance;
}

async function newCluster(input: Partial<ecs.CreateClusterRequest> = {}): Promise<string> {
  const clusterName = unique('cluster');
  await client.send(new ecs.CreateClusterCommand({ ...input, clusterName }));
  return clusterName;
}

async function newDefinition(input: Partial<ecs.RegisterTaskDefinitionRequest> = {}): Promise<string> {
  const family = unique('family');
  await client.send(
    new ecs.RegisterTaskDefinitionCommand({
      family,
      networkMode: 'awsvpc',
      requiresCompatibilities: ['FARGATE'],
      cpu: '256',
      memory: '512',
      containerDefinitions: [{ name: 'app', image: 'app:1' }],
      ...input,
    }),
  );
  return family;
}

/** A cluster, a definition, a worker, and RunTask with what all of them need. */
async function setUp(definition: Partial<ecs.RegisterTaskDefinitionRequest> = {}) {
  const [cluster, taskDefinition, instance] = [await newCluster(), await newDefinition(definition), await worker()];
  const run = async (input: Partial<ecs.RunTaskRequest> = {}) =>
    await client.send(
      new ecs.RunTaskCommand({ cluster, taskDefinition, launchType: 'FARGATE', networkConfiguration, ...input }),
    );
  const runOne = async (input: Partial<ecs.RunTaskRequest> = {}): Promise<ecs.Task & { taskArn: string }> => {
    const [task] = (await run(input)).tasks ?? [];
    if (task?.taskArn === undefined) throw new Error('the task was not placed');
    return { ...task, taskArn: task.taskArn };
  };
  return { cluster, taskDefinition, instance, run, runOne };
}

/** What a worker would observe, written as it would write it. */
async function observe(instance: string, taskArn: string, observed: Partial<Task['observed']>): Promise<void> {
  const [task] = await stack.store.tasks.get(scope, [taskArn.slice(-32)]);
  if (task === undefined) throw new Error('the task is not recorded');
  await stack.store.tasks.observe(task, instance, (current) => ({ ...current.observed, ...observed }));
}

function error(name: string, message: string | RegExp) {
  return expect.objectContaining({ name, message: expect.stringMatching(message) });
}

describe('RunTask', () => {
  it('answers with the whole task, PROVISIONING', async () => {
    const { cluster, taskDefinition, runOne } = await setUp();
    const task = await runOne({ startedBy: 'ci/build-1', tags: [{ key: 'team', value: 'blue' }] });
    const arn = `arn:aws:ecs:${scope.region}:${scope.accountId}`;
    expect(task).toMatchObject({
      attachments: [
        {
          type: 'ElasticNetworkInterface',
          status: 'PRECREATED',
          details: [{ name: 'subnetId', value: subnet }],
        },
      ],
      attributes: [{ name: 'ecs.cpu-architecture', value: 'x86_64' }],
      availabilityZone: expect.stringMatching(`^${scope.region}[abc]$`),
      clusterArn: `${arn}:cluster/${cluster}`,
      containers: [{ name: 'app', image: 'app:1', lastStatus: 'PENDING', networkInterfaces: [], cpu: '0' }],
      cpu: '256',
      createdAt: expect.any(Date),
      desiredStatus: 'RUNNING',
      enableExecuteCommand: false,
      group: `family:${taskDefinition}`,
      healthStatus: 'UNKNOWN',
      lastStatus: 'PROVISIONING',
      launchType: 'FARGATE',
      memory: '512',
      overrides: { containerOverrides: [{ name: 'app' }], inferenceAcceleratorOverrides: [] },
      platformFamily: 'Linux',
      platformVersion: '1.4.0',
      startedBy: 'ci/build-1',
      tags: [{ key: 'team', value: 'blue' }],
      taskArn: expect.stringMatching(`^${arn}:task/${cluster}/[0-9a-f]{32}$`),
      taskDefinitionArn: `${arn}:task-definition/${taskDefinition}:1`,
      version: 1,
    });
    expect(task.capacityProviderName).toBeUndefined();
    expect(task.containers?.[0]?.runtimeId).toBeUndefined();
  });

  it('starts up to 10 tasks, over the subnets in turn', async () => {
    const { run } = await setUp();
    const other = 'subnet-0123456789abcdef1';
    const { tasks = [], failures } = await run({
      count: 10,
      networkConfiguration: { awsvpcConfiguration: { subnets: [subnet, other] } },
    });
    expect(failures).toEqual([]);
    expect(new Set(tasks.map((task) => task.taskArn)).size).toBe(10);
    const subnets = tasks.map((task) => task.attachments?.[0]?.details?.[0]?.value);
    expect(subnets.filter((value) => value === other)).toHaveLength(5);
  });

  it('takes the definition by family, revision or ARN', async () => {
    const { taskDefinition: family, runOne } = await setUp();
    await client.send(
      new ecs.RegisterTaskDefinitionCommand({
        family,
        networkMode: 'awsvpc',
        cpu: '512',
        memory: '1024',
        containerDefinitions: [{ name: 'app', image: 'app:2' }],
      }),
    );
    const newest = await runOne();
    expect(newest).toMatchObject({ cpu: '512', memory: '1024' });
    expect(newest.taskDefinitionArn).toMatch(/:2$/);
    expect((await runOne({ taskDefinition: `${family}:1` })).cpu).toBe('256');
    expect((await runOne({ taskDefinition: newest.taskDefinitionArn ?? '' })).cpu).toBe('512');
  });

  it('refuses a definition that is not there or INACTIVE', async () => {
    const { taskDefinition: family, run } = await setUp();
    await expect(run({ taskDefinition: 'nobody' })).rejects.toEqual(
      error('ClientException', 'TaskDefinition not found.'),
    );
    await expect(run({ taskDefinition: `${family}:9` })).rejects.toEqual(error('ClientException', 'not found'));
    const foreign = `arn:aws:ecs:eu-north-1:999999999999:task-definition/${family}:1`;
    await expect(run({ taskDefinition: foreign })).rejects.toEqual(error('ClientException', 'not found'));
    await client.send(new ecs.DeregisterTaskDefinitionCommand({ taskDefinition: `${family}:1` }));
    await expect(run({ taskDefinition: `${family}:1` })).rejects.toEqual(
      error('InvalidParameterException', /^TaskDefinition is inactive$/),
    );
    await expect(run()).rejects.toEqual(error('ClientException', 'TaskDefinition not found.'));
  });

  it('refuses a cluster that is not there or INACTIVE', async () => {
    const { cluster, run } = await setUp();
    await expect(run({ cluster: 'nowhere' })).rejects.toEqual(error('ClusterNotFoundException', 'Cluster not found.'));
    await client.send(new ecs.DeleteClusterCommand({ cluster }));
    await expect(run()).rejects.toEqual(error('ClusterNotFoundException', 'Cluster not found.'));
  });

  it('refuses a definition that Fargate cannot run', async () => {
    const { run } = await setUp();
    const taskDefinition = await newDefinition({ networkMode: 'bridge', requiresCompatibilities: ['EC2'] });
    await expect(run({ taskDefinition })).rejects.toEqual(
      error('InvalidParameterException', 'Task definition does not support launch_type FARGATE.'),
    );
  });

  it.each<[string, Partial<ecs.RunTaskRequest>, string, string]>([
    ['count above 10', { count: 11 }, 'InvalidParameterException', 'count must be'],
    ['no network', { networkConfiguration: undefined }, 'InvalidParameterException', 'must be provided'],
    ['EC2', { launchType: 'EC2' }, 'InvalidParameterException', 'No Container Instances were found in your cluster.'],
    ['EXTERNAL', { launchType: 'EXTERNAL' }, 'InvalidParameterException', 'No Container Instances were found'],
    ['no launch type', { launchType: undefined }, 'InvalidParameterException', 'No Container Instances were found'],
    ['unknown platform', { platformVersion: '9.9.9' }, 'PlatformUnknownException', 'The specified platform does not'],
    [
      'platform without exec',
      { platformVersion: '1.3.0', enableExecuteCommand: true, overrides: { taskRoleArn } },
      'PlatformTaskDefinitionIncompatibilityException',
      'One or more of the requested capabilities are not supported.',
    ],
    ['exec without a role', { enableExecuteCommand: true }, 'InvalidParameterException', 'valid task role is not'],
    [
      'placement constraints',
      { placementConstraints: [{ type: 'distinctInstance' }] },
      'InvalidParameterException',
      'Placement constraints are not supported with FARGATE launch type.',
    ],
    ['placement strategy', { placementStrategy: [{ type: 'random' }] }, 'InvalidParameterException', 'Placement strat'],
    ['tags of a service', { propagateTags: 'SERVICE' }, 'InvalidParameterException', 'from a service'],
    ['reserved tags', { tags: [{ key: 'aws:x', value: '' }] }, 'InvalidParameterException', 'reserved'],
    ['EBS volumes', { volumeConfigurations: [{ name: 'data' }] }, 'UnsupportedFeatureException', 'EBS'],
    [
      'unknown container',
      { overrides: { containerOverrides: [{ name: 'db' }] } },
      'InvalidParameterException',
      'Override for container named db is not a container in the TaskDefinition.',
    ],
  ])('refuses %s', async (_, input, name, message) => {
    const { run } = await setUp();
    await expect(run(input)).rejects.toEqual(error(name, message));
  });

  it('applies overrides and echoes them', async () => {
    const { runOne } = await setUp();
    const overrides: ecs.TaskOverride = {
      containerOverrides: [{ name: 'app', command: ['true'], environment: [{ name: 'A', value: '1' }], memory: 300 }],
      cpu: '512',
      memory: '1GB',
      taskRoleArn,
      ephemeralStorage: { sizeInGiB: 40 },
    };
    const task = await runOne({ overrides, enableExecuteCommand: true });
    expect(task).toMatchObject({
      cpu: '512',
      memory: '1024',
      enableExecuteCommand: true,
      ephemeralStorage: { sizeInGiB: 40 },
      fargateEphemeralStorage: { sizeInGiB: 40 },
      containers: [{ name: 'app', memory: '300' }],
    });
    expect(task.overrides).toEqual({ ...overrides, memory: '1024', inferenceAcceleratorOverrides: [] });
  });

  it('splits by the strategy of the request, or of the cluster', async () => {
    const { run } = await setUp();
    const strategy = [
      { capacityProvider: 'FARGATE', base: 1, weight: 1 },
      { capacityProvider: 'FARGATE_SPOT', weight: 3 },
    ];
    const cluster = await newCluster({ capacityProviders: ['FARGATE', 'FARGATE_SPOT'] });
    const providers = ({ tasks = [] }: ecs.RunTaskResponse) => tasks.map((task) => task.capacityProviderName).sort();
    const launchType = undefined;
    expect(providers(await run({ cluster, launchType, capacityProviderStrategy: strategy, count: 5 }))).toEqual([
      'FARGATE',
      'FARGATE',
      'FARGATE_SPOT',
      'FARGATE_SPOT',
      'FARGATE_SPOT',
    ]);
    const byDefault = await newCluster({
      capacityProviders: ['FARGATE_SPOT'],
      defaultCapacityProviderStrategy: [{ capacityProvider: 'FARGATE_SPOT', weight: 1 }],
    });
    const spot = await run({ cluster: byDefault, launchType });
    expect(providers(spot)).toEqual(['FARGATE_SPOT']);
    expect(spot.tasks?.[0]?.launchType).toBe('FARGATE');
    await expect(run({ cluster, capacityProviderStrategy: strategy })).rejects.toEqual(
      error('InvalidParameterException', 'Specify either Launch Type or Capacity Provider Strategy, but not both.'),
    );
    await expect(run({ cluster: byDefault, launchType, capacityProviderStrategy: strategy })).rejects.toEqual(
      error('InvalidParameterException', 'that is not associated with the cluster'),
    );
  });

  it('takes tags from the definition when asked to, and adds its own', async () => {
    const { cluster, runOne } = await setUp({ tags: [{ key: 'from', value: 'definition' }] });
    const tags = [{ key: 'also', value: 'request' }];
    const task = await runOne({ tags, propagateTags: 'TASK_DEFINITION', enableECSManagedTags: true });
    expect(task.tags).toEqual([
      { key: 'from', value: 'definition' },
      { key: 'also', value: 'request' },
      { key: 'aws:ecs:clusterName', value: cluster },
    ]);
    expect((await runOne()).tags).toEqual([]);
  });

  it('says how many tasks found no place', async () => {
    const [cluster, taskDefinition] = [await newCluster(), await newDefinition()];
    await worker({ memory: 1024 });
    const run = new ecs.RunTaskCommand({
      cluster,
      taskDefinition,
      launchType: 'FARGATE',
      networkConfiguration,
      count: 3,
    });
    const { tasks, failures } = await client.send(run);
    expect(tasks).toHaveLength(2);
    expect(failures).toEqual([{ reason: capacityUnavailable }]);
  });

  it('gives the last place to exactly one of a hundred', async () => {
    const [cluster, taskDefinition] = [await newCluster(), await newDefinition()];
    await worker({ slots: 1 });
    const input = { cluster, taskDefinition, launchType: 'FARGATE' as const, networkConfiguration };
    const answers = await Promise.all(Array.from({ length: 100 }, () => client.send(new ecs.RunTaskCommand(input))));
    expect(answers.flatMap(({ tasks = [] }) => tasks)).toHaveLength(1);
    expect(answers.flatMap(({ failures = [] }) => failures)).toEqual(
      Array.from({ length: 99 }, () => ({ reason: capacityUnavailable })),
    );
  });

  it('makes one task of many requests with one token', async () => {
    const { cluster, run } = await setUp();
    const answers = await Promise.all(Array.from({ length: 20 }, () => run({ clientToken: 'once' })));
    expect(new Set(answers.map(({ tasks }) => tasks?.[0]?.taskArn)).size).toBe(1);
    expect((await client.send(new ecs.ListTasksCommand({ cluster }))).taskArns).toHaveLength(1);
  });

  it('refuses a token that came with another request, and names the tasks', async () => {
    const { run } = await setUp();
    const { tasks } = await run({ clientToken: 'taken', count: 2 });
    await expect(run({ clientToken: 'taken', count: 3 })).rejects.toMatchObject({
      name: 'ConflictException',
      resourceIds: tasks?.map((task) => task.taskArn),
    });
  });
});

describe('DescribeTasks', () => {
  const describeTasks = async (cluster: string, tasks: string[], include: ecs.TaskField[] = []) =>
    await client.send(new ecs.DescribeTasksCommand({ cluster, tasks, include }));

  it('finds by id and ARN, each once, and tells what is missing by its full ARN', async () => {
    const { cluster, runOne } = await setUp();
    const { taskArn } = await runOne({ tags: [{ key: 'a', value: 'b' }] });
    const unknown = 'f'.repeat(32);
    const { tasks = [], failures } = await describeTasks(cluster, [taskArn.slice(-32), taskArn, unknown]);
    expect(tasks.map((task) => task.taskArn)).toEqual([taskArn]);
    expect(tasks[0]?.tags).toEqual([]);
    expect(failures).toEqual([{ arn: taskArn.slice(0, -32) + unknown, reason: 'MISSING' }]);
    expect((await describeTasks(cluster, [taskArn], ['TAGS'])).tasks?.[0]?.tags).toEqual([{ key: 'a', value: 'b' }]);
  });

  it('does not find a task of another cluster', async () => {
    const { runOne } = await setUp();
    const { taskArn } = await runOne();
    const other = await newCluster();
    expect(await describeTasks(other, [taskArn])).toMatchObject({ tasks: [], failures: [{ arn: taskArn }] });
    expect(await describeTasks(other, [taskArn.slice(-32)])).toMatchObject({
      tasks: [],
      failures: [{ reason: 'MISSING' }],
    });
  });

  it('shows what the worker observed', async () => {
    const { cluster, runOne, instance } = await setUp();
    const { taskArn } = await runOne();
    const networkInterface = {
      id: 'eni-0123456789abcdef0',
      macAddress: '0a:58:0a:d5:00:05',
      privateIpv4Address: '10.213.0.5',
      privateDnsName: 'ip-10-213-0-5.ec2.internal',
    };
    await observe(instance, taskArn, {
      networkInterface,
      connectivityAt: 1_700_000_000_123,
      startedAt: 1_700_000_001_000,
      containers: { app: { startedAt: 1_700_000_001_000, imageDigest: 'sha256:ab' } },
    });
    const { tasks } = await describeTasks(cluster, [taskArn]);
    expect(tasks?.[0]).toMatchObject({
      attachments: [{ status: 'ATTACHED', details: { length: 5 } }],
      connectivity: 'CONNECTED',
      connectivityAt: new Date(1_700_000_000_123),
      containers: [
        { lastStatus: 'RUNNING', imageDigest: 'sha256:ab', networkInterfaces: [{ privateIpv4Address: '10.213.0.5' }] },
      ],
      lastStatus: 'RUNNING',
      startedAt: new Date(1_700_000_001_000),
      version: 2,
    });
  });

  it.each<[string, string[], string]>([
    ['nothing', [], 'Tasks cannot be empty.'],
    ['more than 100', Array.from({ length: 101 }, () => 'f'.repeat(32)), 'taskIds can have at most 100 items.'],
    ['what is no id', ['short'], 'taskId length should be one of \\[32,36\\]'],
    ['what is no ARN of a task', ['arn:aws:ecs:eu-central-1:111122223333:cluster/x'], 'Invalid identifier'],
  ])('refuses %s', async (_, tasks, message) => {
    const cluster = await newCluster();
    await expect(describeTasks(cluster, tasks)).rejects.toEqual(error('InvalidParameterException', message));
  });

  it('refuses an unknown cluster', async () => {
    await expect(describeTasks('nowhere', ['f'.repeat(32)])).rejects.toEqual(
      error('ClusterNotFoundException', 'Cluster not found.'),
    );
  });
});

describe('ListTasks', () => {
  const list = async (input: ecs.ListTasksRequest) => {
    const { taskArns = [] } = await client.send(new ecs.ListTasksCommand(input));
    return [...taskArns].sort();
  };

  it('has the tasks that are to run, unless others are asked for', async () => {
    const { cluster, runOne } = await setUp();
    const [first, second] = [await runOne(), await runOne()];
    await client.send(new ecs.StopTaskCommand({ cluster, task: second.taskArn }));
    expect(await list({ cluster })).toEqual([first.taskArn]);
    expect(await list({ cluster, desiredStatus: 'RUNNING' })).toEqual([first.taskArn]);
    expect(await list({ cluster, desiredStatus: 'STOPPED' })).toEqual([second.taskArn]);
    expect(await list({ cluster, desiredStatus: 'PENDING' })).toEqual([]);
  });

  it('filters by family, starter and launch type', async () => {
    const { cluster, taskDefinition: family, runOne } = await setUp();
    const plain = await runOne();
    const started = await runOne({ startedBy: 'me' });
    const other = await runOne({ taskDefinition: await newDefinition() });
    const all = [plain.taskArn, started.taskArn, other.taskArn].sort();
    expect(await list({ cluster })).toEqual(all);
    expect(await list({ cluster, family })).toEqual([plain.taskArn, started.taskArn].sort());
    expect(await list({ cluster, startedBy: 'me' })).toEqual([started.taskArn]);
    expect(await list({ cluster, launchType: 'FARGATE', family })).toHaveLength(2);
    expect(await list({ cluster, launchType: 'EC2' })).toEqual([]);
    expect(await list({ cluster, family: 'nobody' })).toEqual([]);
  });

  it('comes in pages', async () => {
    const { cluster, run } = await setUp();
    const { tasks = [] } = await run({ count: 5 });
    const found: string[] = [];
    for await (const page of ecs.paginateListTasks({ client, pageSize: 2 }, { cluster })) {
      expect(page.taskArns?.length).toBeLessThanOrEqual(2);
      found.push(...(page.taskArns ?? []));
    }
    expect(found.sort()).toEqual(tasks.map((task) => task.taskArn).sort());
    for (const maxResults of [0, 101])
      await expect(list({ cluster, maxResults })).rejects.toEqual(error('InvalidParameterException', 'maxResults'));
  });

  it.each<[string, Partial<ecs.ListTasksRequest>, string]>([
    ['startedBy with another filter', { startedBy: 'me', family: 'web' }, 'InvalidParameterException'],
    ['a container instance', { containerInstance: 'f'.repeat(32) }, 'InvalidParameterException'],
    ['a daemon', { daemonName: 'agent' }, 'InvalidParameterException'],
    ['a service', { serviceName: 'web' }, 'ServiceNotFoundException'],
    ['an unknown cluster', { cluster: 'nowhere' }, 'ClusterNotFoundException'],
    ['a page of nobody', { nextToken: 'made-up' }, 'InvalidParameterException'],
  ])('refuses %s', async (_, input, name) => {
    const cluster = await newCluster();
    await expect(list({ cluster, ...input })).rejects.toEqual(error(name, ''));
  });
});

describe('StopTask', () => {
  const stop = async (input: ecs.StopTaskRequest) => await client.send(new ecs.StopTaskCommand(input));

  it('wants the task stopped at once, for the reason given, and deletes its tags', async () => {
    const { cluster, runOne } = await setUp();
    const { taskArn } = await runOne({ tags: [{ key: 'a', value: 'b' }] });
    const { task } = await stop({ cluster, task: taskArn, reason: 'enough' });
    expect(task).toMatchObject({
      taskArn,
      desiredStatus: 'STOPPED',
      lastStatus: 'PROVISIONING',
      stopCode: 'UserInitiated',
      stoppedReason: 'enough',
      tags: [],
      version: 2,
    });
    expect(task?.stoppedAt).toBeUndefined();
  });

  it('keeps the first reason, and has one when none is given', async () => {
    const { cluster, runOne } = await setUp();
    const { taskArn } = await runOne();
    const first = await stop({ cluster, task: taskArn.slice(-32) });
    expect(first.task?.stoppedReason).toBe('Task stopped by user');
    expect((await stop({ cluster, task: taskArn, reason: 'again' })).task).toEqual(first.task);
  });

  it('leaves alone what ended by itself', async () => {
    const { cluster, runOne, instance } = await setUp();
    const { taskArn } = await runOne();
    await observe(instance, taskArn, {
      stop: { code: 'EssentialContainerExited', reason: 'Essential container in task exited', at: 1 },
      stoppedAt: 2,
    });
    expect((await stop({ cluster, task: taskArn })).task).toMatchObject({
      lastStatus: 'STOPPED',
      stopCode: 'EssentialContainerExited',
    });
  });

  it('refuses what is not there', async () => {
    const { cluster, runOne } = await setUp();
    const { taskArn } = await runOne();
    const notFound = error('InvalidParameterException', 'The referenced task was not found.');
    await expect(stop({ cluster, task: 'f'.repeat(32) })).rejects.toEqual(notFound);
    await expect(stop({ cluster: await newCluster(), task: taskArn })).rejects.toEqual(notFound);
    await expect(stop({ cluster, task: taskArn, reason: 'x'.repeat(256) })).rejects.toEqual(
      error('InvalidParameterException', 'reason longer than 255.'),
    );
  });
});

describe('StartTask', () => {
  it('misses every container instance', async () => {
    const { cluster, taskDefinition } = await setUp();
    const id = 'f'.repeat(32);
    const start = async (containerInstances: string[]) =>
      await client.send(new ecs.StartTaskCommand({ cluster, taskDefinition, containerInstances }));
    const arn = `arn:aws:ecs:${scope.region}:${scope.accountId}:container-instance/${cluster}/${id}`;
    expect(await start([id])).toMatchObject({ tasks: [], failures: [{ arn, reason: 'MISSING' }] });
    await expect(start([])).rejects.toEqual(error('InvalidParameterException', 'cannot be empty'));
    await expect(start(Array.from({ length: 11 }, () => id))).rejects.toEqual(
      error('InvalidParameterException', 'at most 10 items'),
    );
  });
});
