import {
  DeleteTaskDefinitionsCommand,
  DeregisterTaskDefinitionCommand,
  DescribeTaskDefinitionCommand,
  type ECSClient,
  ListTaskDefinitionFamiliesCommand,
  ListTaskDefinitionsCommand,
  paginateListTaskDefinitions,
  RegisterTaskDefinitionCommand,
} from '@aws-sdk/client-ecs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiStack, createApiStack } from '../support/stack.ts';
import { bridge, fargate, type Registration, role } from './definition-support.ts';
import { refused } from './expect-error.ts';

const now = 1_700_000_000_123;
let stack: ApiStack;
let client: ECSClient;

beforeAll(async () => {
  stack = await createApiStack({ clock: () => now });
  client = await stack.client();
});
afterAll(() => stack?.close());

const arn = (name: string) => `arn:aws:ecs:us-east-1:000000000000:task-definition/${name}`;
const register = (input: Registration) => client.send(new RegisterTaskDefinitionCommand(input));
const describeOne = (taskDefinition: string) =>
  client.send(new DescribeTaskDefinitionCommand({ taskDefinition, include: ['TAGS'] }));
const deregister = (taskDefinition: string) => client.send(new DeregisterTaskDefinitionCommand({ taskDefinition }));
const remove = (...taskDefinitions: string[]) => client.send(new DeleteTaskDefinitionsCommand({ taskDefinitions }));

/** Every member that Fargate takes. */
const full: Registration = {
  family: 'full',
  networkMode: 'awsvpc',
  requiresCompatibilities: ['FARGATE'],
  cpu: '1024',
  memory: '2048',
  executionRoleArn: role,
  taskRoleArn: role,
  pidMode: 'task',
  ephemeralStorage: { sizeInGiB: 30 },
  runtimePlatform: { cpuArchitecture: 'X86_64', operatingSystemFamily: 'LINUX' },
  enableFaultInjection: true,
  volumes: [
    { name: 'scratch', host: {} },
    {
      name: 'shared',
      efsVolumeConfiguration: {
        fileSystemId: 'fs-0123456789abcdef0',
        rootDirectory: '/x',
        transitEncryption: 'ENABLED',
        transitEncryptionPort: 2049,
      },
    },
    { name: 'later', configuredAtLaunch: true },
  ],
  proxyConfiguration: {
    type: 'APPMESH',
    containerName: 'router',
    properties: [
      { name: 'AppPorts', value: '80' },
      { name: 'ProxyIngressPort', value: '15000' },
      { name: 'ProxyEgressPort', value: '15001' },
      { name: 'IgnoredUID', value: '1337' },
    ],
  },
  containerDefinitions: [
    {
      name: 'app',
      image: '000000000000.dkr.ecr.us-east-1.amazonaws.com/app:1',
      repositoryCredentials: { credentialsParameter: 'arn:aws:secretsmanager:us-east-1:000000000000:secret:registry' },
      cpu: 256,
      memory: 512,
      memoryReservation: 256,
      portMappings: [{ containerPort: 80, hostPort: 80, protocol: 'tcp', name: 'http', appProtocol: 'http' }],
      essential: true,
      restartPolicy: { enabled: true, ignoredExitCodes: [0, 3], restartAttemptPeriod: 60 },
      entryPoint: ['sh', '-c'],
      command: ['exec app'],
      environment: [{ name: 'A', value: '1' }],
      environmentFiles: [{ type: 's3', value: 'arn:aws:s3:::bucket/app.env' }],
      mountPoints: [{ sourceVolume: 'scratch', containerPath: '/scratch', readOnly: true }],
      volumesFrom: [{ sourceContainer: 'init', readOnly: true }],
      linuxParameters: {
        capabilities: { add: ['SYS_PTRACE'], drop: ['NET_RAW'] },
        initProcessEnabled: true,
        tmpfs: [{ containerPath: '/run', size: 16, mountOptions: ['nosuid'] }],
      },
      secrets: [{ name: 'S', valueFrom: 'arn:aws:ssm:us-east-1:000000000000:parameter/s' }],
      dependsOn: [
        { containerName: 'init', condition: 'SUCCESS' },
        { containerName: 'router', condition: 'HEALTHY' },
      ],
      startTimeout: 60,
      stopTimeout: 90,
      versionConsistency: 'disabled',
      user: '1000:1000',
      workingDirectory: '/app',
      readonlyRootFilesystem: true,
      interactive: true,
      pseudoTerminal: true,
      dockerLabels: { a: 'b' },
      ulimits: [{ name: 'nofile', softLimit: 1024, hardLimit: 4096 }],
      logConfiguration: {
        logDriver: 'awsfirelens',
        options: { Name: 'cloudwatch' },
        secretOptions: [{ name: 'key', valueFrom: 'arn:aws:ssm:us-east-1:000000000000:parameter/k' }],
      },
      healthCheck: { command: ['CMD', 'true'], interval: 10, timeout: 3, retries: 2, startPeriod: 1 },
      systemControls: [{ namespace: 'net.core.somaxconn', value: '1024' }],
    },
    {
      name: 'router',
      image: 'router',
      cpu: 0,
      essential: true,
      firelensConfiguration: { type: 'fluentbit', options: { 'enable-ecs-log-metadata': 'true' } },
      healthCheck: { command: ['CMD', 'true'], interval: 30, timeout: 5, retries: 3 },
      environment: [],
      mountPoints: [],
      portMappings: [],
      systemControls: [],
      volumesFrom: [],
    },
    {
      name: 'init',
      image: 'init',
      cpu: 0,
      essential: false,
      environment: [],
      mountPoints: [],
      portMappings: [],
      systemControls: [],
      volumesFrom: [],
    },
  ],
};

describe('RegisterTaskDefinition', () => {
  it('gives every member back as it was sent', async () => {
    const tags = [{ key: 'team', value: 'blue' }];
    const answer = await register({ ...full, tags });
    expect(answer.taskDefinition).toMatchObject(full);
    expect(answer.taskDefinition).toMatchObject({
      taskDefinitionArn: arn('full:1'),
      revision: 1,
      status: 'ACTIVE',
      registeredAt: new Date(now),
      registeredBy: 'arn:aws:iam::000000000000:root',
      compatibilities: ['EC2', 'FARGATE', 'MANAGED_INSTANCES'],
    });
    expect(answer.taskDefinition).not.toHaveProperty('tags');
    expect(answer.tags).toEqual(tags);
    const described = await describeOne('full');
    expect(described.taskDefinition).toEqual(answer.taskDefinition);
    expect(described.tags).toEqual(tags);
  });

  it('takes what only EC2 could run', async () => {
    const { taskDefinition } = await register(bridge({ privileged: true }, { family: 'old' }));
    expect(taskDefinition).toMatchObject({ compatibilities: ['EXTERNAL', 'EC2'] });
    expect(taskDefinition).not.toHaveProperty('requiresCompatibilities');
  });

  it('refuses with a ClientException, and takes no number for it', async () => {
    await refused(
      register(fargate({ family: 'careful', cpu: '300' })),
      'ClientException',
      /^No Fargate configuration exists/,
    );
    expect((await register(fargate({ family: 'careful' }))).taskDefinition?.revision).toBe(1);
  });

  it('refuses bad tags and values that no model has', async () => {
    await refused(register(fargate({ tags: [{ key: 'aws:x', value: '' }] })), 'InvalidParameterException', /reserved/);
    const strange = { ...fargate(), networkMode: 'teleport' } as unknown as Registration;
    await expect(register(strange)).rejects.toMatchObject({ $metadata: { httpStatusCode: 400 } });
  });
});

describe('a revision', () => {
  it('goes from ACTIVE over INACTIVE to DELETE_IN_PROGRESS, and its number is never given again', async () => {
    const family = 'lived';
    await register(fargate({ family }));
    await register(fargate({ family, cpu: '512', memory: '1024' }));
    expect((await describeOne(family)).taskDefinition).toMatchObject({ revision: 2, cpu: '512' });

    expect((await deregister('lived:2')).taskDefinition).toMatchObject({
      status: 'INACTIVE',
      deregisteredAt: new Date(now),
    });
    expect((await deregister('lived:2')).taskDefinition).toMatchObject({ status: 'INACTIVE' });
    expect((await describeOne(family)).taskDefinition?.revision).toBe(1);
    expect((await describeOne('lived:2')).taskDefinition?.status).toBe('INACTIVE');

    const { taskDefinitions, failures } = await remove('lived:2', arn('lived:1'), 'lived:9', 'lived', 'a b:1');
    expect(taskDefinitions).toMatchObject([
      { revision: 2, status: 'DELETE_IN_PROGRESS', deleteRequestedAt: new Date(now) },
    ]);
    expect(failures?.map((each) => [each.arn, each.reason?.slice(0, 49)])).toEqual([
      [arn('lived:1'), 'The specified task definition is still in ACTIVE '],
      [arn('lived:9'), 'The specified task definition does not exist. Spe'],
      ['lived', 'The specified task definition identifier is inval'],
      ['a b:1', 'The specified task definition identifier is inval'],
    ]);
    expect((await describeOne(arn('lived:2'))).taskDefinition?.status).toBe('DELETE_IN_PROGRESS');
    expect((await register(fargate({ family }))).taskDefinition?.revision).toBe(3);
  });

  it.each([
    ['nothing', 'ClientException', 'Unable to describe task definition.'],
    ['careful:99', 'ClientException', 'Unable to describe task definition.'],
    ['careful:x', 'InvalidParameterException', 'Invalid revision number. Number: x'],
    ['a:1:2', 'InvalidParameterException', 'Invalid identifier: Unexpected number of separators'],
    [
      'arn:aws:ecs:eu-west-1:000000000000:task-definition/full:1',
      'ClientException',
      'Unable to describe task definition.',
    ],
  ])('is not found by %s', (name, code, message) => refused(describeOne(name), code, message));

  it('is deregistered by its number only', async () => {
    await refused(deregister('careful'), 'ClientException', 'Revision is missing.');
    await refused(deregister('careful:99'), 'ClientException');
  });

  it('is deleted among at least one and at most ten', async () => {
    await refused(
      remove(),
      'InvalidParameterException',
      'size of TaskDefinition references list must be greater than 0',
    );
    await refused(
      remove(...Array.from({ length: 11 }, (_, index) => `f:${index + 1}`)),
      'InvalidParameterException',
      'Size of TaskDefinition references list cannot exceed 10',
    );
  });
});

describe('lists', () => {
  let lister: ECSClient;
  beforeAll(async () => {
    lister = await stack.client({ region: 'eu-central-1' });
    for (const family of ['beta', 'alpha', 'alphabet', 'alpha'])
      await lister.send(new RegisterTaskDefinitionCommand(fargate({ family })));
    await lister.send(new DeregisterTaskDefinitionCommand({ taskDefinition: 'beta:1' }));
  });
  const names = async (input: object) =>
    (await lister.send(new ListTaskDefinitionsCommand(input))).taskDefinitionArns?.map((each) => each.split('/')[1]);
  const families = async (input: object) => (await lister.send(new ListTaskDefinitionFamiliesCommand(input))).families;

  it('have ACTIVE revisions by family and number', async () => {
    expect(await names({})).toEqual(['alpha:1', 'alpha:2', 'alphabet:1']);
    expect(await names({ sort: 'DESC' })).toEqual(['alphabet:1', 'alpha:2', 'alpha:1']);
    expect(await names({ familyPrefix: 'alpha' })).toEqual(['alpha:1', 'alpha:2']);
    expect(await names({ familyPrefix: 'alp' })).toEqual([]);
    expect(await names({ status: 'INACTIVE' })).toEqual(['beta:1']);
  });

  it('have pages', async () => {
    const pages: number[] = [];
    for await (const page of paginateListTaskDefinitions({ client: lister, pageSize: 2 }, { sort: 'DESC' }))
      pages.push(page.taskDefinitionArns?.length ?? 0);
    expect(pages).toEqual([2, 1]);
    const { nextToken } = await lister.send(new ListTaskDefinitionsCommand({ maxResults: 1 }));
    await refused(
      lister.send(new ListTaskDefinitionsCommand({ nextToken, sort: 'DESC' })),
      'InvalidParameterException',
      'Invalid token.',
    );
  });

  it('have families by status and prefix', async () => {
    expect(await families({})).toEqual(['alpha', 'alphabet']);
    expect(await families({ status: 'ALL' })).toEqual(['alpha', 'alphabet', 'beta']);
    expect(await families({ status: 'INACTIVE' })).toEqual(['beta']);
    expect(await families({ familyPrefix: 'alphab' })).toEqual(['alphabet']);
  });
});
