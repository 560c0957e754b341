import { describe, expect, it } from 'vitest';
import { chooseProviders } from '../../api/ecs/run-task/launch.ts';
import { validNetwork } from '../../api/ecs/run-task/network.ts';
import { validClientToken, validCount, validGroup, validStartedBy } from '../../api/ecs/run-task/parameters.ts';
import { choosePlatform, type PlatformNeeds } from '../../api/ecs/run-task/platform.ts';
import { tagsOfNewTask } from '../../api/ecs/run-task/tags.ts';
import type { Cluster } from '../../core/cluster.ts';
import { effectiveTask } from '../../core/overrides.ts';
import type { TaskDefinitionBody } from '../../core/task-definition.ts';

const subnet = 'subnet-0123456789abcdef0';

describe('parameters', () => {
  it('count is 1 unless given, and at most 10', () => {
    expect([undefined, 1, 10].map(validCount)).toEqual([1, 1, 10]);
    for (const count of [0, -1, 11]) expect(() => validCount(count)).toThrow('count must be between 1 and 10.');
  });

  it('startedBy has up to 128 letters, digits, hyphens, slashes and underscores', () => {
    expect(validStartedBy('ci/build_1-a')).toBe('ci/build_1-a');
    expect(validStartedBy('a'.repeat(128))).toHaveLength(128);
    expect(() => validStartedBy('a'.repeat(129))).toThrow('startedBy longer than 128.');
    expect(() => validStartedBy('a b')).toThrow('startedBy contains invalid characters');
  });

  it('clientToken has 1 to 64 visible ASCII characters', () => {
    expect(validClientToken('~!{token}')).toBe('~!{token}');
    expect(() => validClientToken('a'.repeat(65))).toThrow('clientToken longer than 64.');
    for (const token of ['', 'a b', 'ä', '\n'])
      expect(() => validClientToken(token)).toThrow('clientToken must consist');
  });

  it('group is the family unless given, and never one that ECS gives itself', () => {
    expect(validGroup(undefined, 'web')).toBe('family:web');
    expect(validGroup('family:web', 'web')).toBe('family:web');
    expect(validGroup('batch', 'web')).toBe('batch');
    expect(() => validGroup('service:web', 'web')).toThrow("cannot start with 'service:'");
    expect(() => validGroup('family:other', 'web')).toThrow("cannot start with 'family:'");
    expect(() => validGroup('g'.repeat(256), 'web')).toThrow('group longer than 255.');
  });
});

describe('network', () => {
  const vpc = (subnets: string[], securityGroups?: string[]) => ({
    awsvpcConfiguration: { subnets, ...(securityGroups && { securityGroups }) },
  });

  it('takes ids that could exist', () => {
    expect(validNetwork('awsvpc', vpc([subnet, 'subnet-12345678'], ['sg-12345678']))).toEqual({
      subnets: [subnet, 'subnet-12345678'],
      securityGroups: ['sg-12345678'],
      assignPublicIp: false,
    });
    expect(
      validNetwork('awsvpc', { awsvpcConfiguration: { subnets: [subnet], assignPublicIp: 'ENABLED' } }).assignPublicIp,
    ).toBe(true);
  });

  it.each([
    [undefined, "Network Configuration must be provided when networkMode 'awsvpc' is specified."],
    [{}, "Network Configuration must be provided when networkMode 'awsvpc' is specified."],
    [vpc([]), 'subnets can not be empty.'],
    [vpc(Array.from({ length: 17 }, () => subnet)), 'subnets can have at most 16 items.'],
    [
      vpc(
        [subnet],
        Array.from({ length: 6 }, () => 'sg-12345678'),
      ),
      'securityGroups can have at most 5 items.',
    ],
    [vpc(['subnet-XYZ']), "The subnet ID 'subnet-XYZ' does not exist"],
    [vpc(['subnet-1234567']), 'does not exist'],
    [vpc(['subnet-0123456789abcdef01']), 'does not exist'],
    [vpc([subnet], ['12345678']), "The security group '12345678' does not exist"],
  ])('refuses %j', (configuration, message) => {
    expect(() => validNetwork('awsvpc', configuration)).toThrow(message);
  });

  it('is not for definitions of another network mode', () => {
    expect(() => validNetwork('bridge', vpc([subnet]))).toThrow('is not valid for the given `networkMode`');
  });
});

describe('providers', () => {
  const cluster: Cluster = {
    name: 'main',
    status: 'ACTIVE',
    settings: [],
    capacityProviders: ['FARGATE', 'FARGATE_SPOT'],
    defaultCapacityProviderStrategy: [],
    tags: [],
  };
  const spot = [{ capacityProvider: 'FARGATE_SPOT', weight: 1 }];

  it('are none for the FARGATE launch type', () => {
    expect(chooseProviders({ launchType: 'FARGATE' }, cluster, 2)).toEqual([undefined, undefined]);
    expect(chooseProviders({ launchType: 'FARGATE', capacityProviderStrategy: [] }, cluster, 1)).toEqual([undefined]);
  });

  it('follow the strategy, or else the default of the cluster', () => {
    const strategy = [{ capacityProvider: 'FARGATE', base: 1 }, ...spot];
    expect(chooseProviders({ capacityProviderStrategy: strategy }, cluster, 3)).toEqual([
      'FARGATE',
      'FARGATE_SPOT',
      'FARGATE_SPOT',
    ]);
    expect(chooseProviders({}, { ...cluster, defaultCapacityProviderStrategy: spot }, 1)).toEqual(['FARGATE_SPOT']);
  });

  it.each([
    ['EC2', { launchType: 'EC2' }, 'No Container Instances were found in your cluster.'],
    ['EXTERNAL', { launchType: 'EXTERNAL' }, 'No Container Instances were found in your cluster.'],
    ['neither and no default', {}, 'No Container Instances were found in your cluster.'],
    ['managed instances', { launchType: 'MANAGED_INSTANCES' }, 'need a capacityProviderStrategy'],
    [
      'both',
      { launchType: 'FARGATE', capacityProviderStrategy: spot },
      'Specify either Launch Type or Capacity Provider Strategy, but not both.',
    ],
    [
      'a provider of another cluster',
      { capacityProviderStrategy: [{ capacityProvider: 'other', weight: 1 }] },
      'The specified capacity provider strategy cannot contain a capacity provider that is not associated',
    ],
    ['no weight', { capacityProviderStrategy: [{ capacityProvider: 'FARGATE', base: 1 }] }, 'weight greater than 0'],
    [
      'two bases',
      {
        capacityProviderStrategy: [
          { capacityProvider: 'FARGATE', base: 1, weight: 1 },
          { capacityProvider: 'FARGATE_SPOT', base: 1 },
        ],
      },
      'Only one capacity provider',
    ],
  ] as const)('refuse %s', (_, {
    launchType,
    capacityProviderStrategy,
  }: {
    launchType?: 'EC2' | 'EXTERNAL' | 'FARGATE' | 'MANAGED_INSTANCES';
    capacityProviderStrategy?: readonly { capacityProvider: string; base?: number; weight?: number }[];
  }, message) => {
    const input = {
      ...(launchType && { launchType }),
      ...(capacityProviderStrategy && { capacityProviderStrategy: [...capacityProviderStrategy] }),
    };
    expect(() => chooseProviders(input, cluster, 1)).toThrow(message);
  });

  it('refuse a default strategy without weights in the words of ECS', () => {
    const weightless = { ...cluster, defaultCapacityProviderStrategy: [{ capacityProvider: 'FARGATE' }] };
    expect(() => chooseProviders({}, weightless, 1)).toThrow(
      'There are no capacity providers with a weight value greater than zero defined in the default capacity provider strategy.',
    );
  });
});

describe('platform', () => {
  const definition: TaskDefinitionBody = { family: 'web', cpu: '256', memory: '512', containerDefinitions: [] };
  const needs = (changed: Partial<TaskDefinitionBody> = {}, enableExecuteCommand = false): PlatformNeeds => {
    const body = { ...definition, ...changed };
    return { definition: body, task: effectiveTask(body, {}), enableExecuteCommand };
  };

  it('is 1.4.0 unless an older one is asked for', () => {
    const expected = { platformVersion: '1.4.0', platformFamily: 'Linux', cpuArchitecture: 'X86_64' };
    for (const requested of [undefined, 'LATEST', '1.4.0'])
      expect(choosePlatform(requested, needs())).toEqual(expected);
    expect(choosePlatform('1.3.0', needs()).platformVersion).toBe('1.3.0');
  });

  it('follows the architecture of the definition', () => {
    const arm = needs({ runtimePlatform: { cpuArchitecture: 'ARM64', operatingSystemFamily: 'LINUX' } });
    expect(choosePlatform('LATEST', arm).cpuArchitecture).toBe('ARM64');
  });

  it.each(['1.4', '1.5.0', 'latest', '1.0.0'])('%s does not exist', (version) => {
    expect(() => choosePlatform(version, needs())).toThrow(
      expect.objectContaining({ name: 'PlatformUnknownException', message: 'The specified platform does not exist.' }),
    );
  });

  it.each<[string, PlatformNeeds]>([
    ['exec', needs({}, true)],
    ['more than 4 vCPU', needs({ cpu: '8192' })],
    ['more disk', needs({ ephemeralStorage: { sizeInGiB: 21 } })],
    ['ARM64', needs({ runtimePlatform: { cpuArchitecture: 'ARM64' } })],
    ['a shared process namespace', needs({ pidMode: 'task' })],
    ['EFS', needs({ volumes: [{ name: 'v', efsVolumeConfiguration: { fileSystemId: 'fs-1' } }] })],
    ['SYS_PTRACE', needs({ containerDefinitions: [{ linuxParameters: { capabilities: { add: ['SYS_PTRACE'] } } }] })],
  ])('1.3.0 does not carry %s', (_, incompatible) => {
    expect(() => choosePlatform('1.3.0', incompatible)).toThrow(
      expect.objectContaining({
        name: 'PlatformTaskDefinitionIncompatibilityException',
        message: 'One or more of the requested capabilities are not supported.',
      }),
    );
  });

  it('does not run Windows', () => {
    const windows = needs({ runtimePlatform: { operatingSystemFamily: 'WINDOWS_SERVER_2022_CORE' } });
    expect(() => choosePlatform('LATEST', windows)).toThrow(
      expect.objectContaining({ name: 'PlatformTaskDefinitionIncompatibilityException' }),
    );
  });
});

describe('tags of a new task', () => {
  const given = [{ key: 'a', value: 'request' }];
  const defined = [
    { key: 'a', value: 'definition' },
    { key: 'b', value: 'definition' },
  ];

  it('are those of the request', () => {
    expect(tagsOfNewTask({ tags: given }, defined, 'main')).toEqual(given);
    expect(tagsOfNewTask({ tags: given, propagateTags: 'NONE' }, defined, 'main')).toEqual(given);
  });

  it('lie over those of the definition when these are propagated', () => {
    expect(tagsOfNewTask({ tags: given, propagateTags: 'TASK_DEFINITION' }, defined, 'main')).toEqual([
      { key: 'b', value: 'definition' },
      { key: 'a', value: 'request' },
    ]);
  });

  it('name the cluster when ECS is to manage tags', () => {
    expect(tagsOfNewTask({ enableECSManagedTags: true }, [], 'main')).toEqual([
      { key: 'aws:ecs:clusterName', value: 'main' },
    ]);
  });

  it('are at most 50, whoever they come from', () => {
    const many = Array.from({ length: 50 }, (_, index) => ({ key: `k${index}`, value: '' }));
    expect(tagsOfNewTask({ tags: many, enableECSManagedTags: true }, [], 'main')).toHaveLength(51);
    expect(() => tagsOfNewTask({ tags: many, propagateTags: 'TASK_DEFINITION' }, defined, 'main')).toThrow('50 tags');
  });
});
