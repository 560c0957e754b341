import {
  CreateClusterCommand,
  type CreateClusterCommandInput,
  DeleteClusterCommand,
  DescribeClustersCommand,
  type ECSClient,
  ListClustersCommand,
  PutAccountSettingCommand,
  PutClusterCapacityProvidersCommand,
  paginateListClusters,
  UpdateClusterCommand,
  UpdateClusterSettingsCommand,
} from '@aws-sdk/client-ecs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiStack, createApiStack } from '../support/stack.ts';
import { refused } from './expect-error.ts';

let stack: ApiStack;
let client: ECSClient;

beforeAll(async () => {
  stack = await createApiStack();
  client = await stack.client();
});
afterAll(() => stack?.close());

const arn = (name: string) => `arn:aws:ecs:us-east-1:000000000000:cluster/${name}`;
const create = (input: CreateClusterCommandInput) => client.send(new CreateClusterCommand(input));
const everything = ['ATTACHMENTS', 'CONFIGURATIONS', 'SETTINGS', 'STATISTICS', 'TAGS'] as const;

describe('CreateCluster', () => {
  it('makes a cluster named default when no name is given, once', async () => {
    const { cluster } = await create({});
    expect(cluster).toEqual({
      clusterArn: arn('default'),
      clusterName: 'default',
      status: 'ACTIVE',
      registeredContainerInstancesCount: 0,
      runningTasksCount: 0,
      pendingTasksCount: 0,
      activeServicesCount: 0,
      statistics: [],
      tags: [],
      settings: [{ name: 'containerInsights', value: 'disabled' }],
      capacityProviders: [],
      defaultCapacityProviderStrategy: [],
    });
    expect((await create({ clusterName: 'default' })).cluster).toEqual(cluster);
  });

  it('keeps all that it is given', async () => {
    const configuration = {
      executeCommandConfiguration: {
        kmsKeyId: 'key',
        logging: 'OVERRIDE',
        logConfiguration: {
          cloudWatchLogGroupName: 'group',
          cloudWatchEncryptionEnabled: false,
          s3BucketName: 'bucket',
        },
      },
      managedStorageConfiguration: { fargateEphemeralStorageKmsKeyId: 'key' },
    } as const;
    const input = {
      clusterName: 'full',
      tags: [{ key: 'team', value: 'blue' }],
      settings: [{ name: 'containerInsights', value: 'enhanced' }],
      capacityProviders: ['FARGATE', 'FARGATE_SPOT'],
      defaultCapacityProviderStrategy: [
        { capacityProvider: 'FARGATE', base: 1, weight: 1 },
        { capacityProvider: 'FARGATE_SPOT', base: 0, weight: 4 },
      ],
    } satisfies CreateClusterCommandInput;
    await create({ ...input, configuration });
    const { clusters, failures } = await client.send(
      new DescribeClustersCommand({ clusters: ['full'], include: [...everything] }),
    );
    expect(failures).toEqual([]);
    expect(clusters?.[0]).toMatchObject({ ...input, configuration, attachments: [] });
    expect(clusters?.[0]?.statistics).toContainEqual({ name: 'runningFargateTasksCount', value: '0' });
    const bare = (await client.send(new DescribeClustersCommand({ clusters: [arn('full')] }))).clusters?.[0];
    expect(bare).toMatchObject({ tags: [], settings: [], statistics: [] });
    expect(bare).not.toHaveProperty('configuration');
    expect((await create({ clusterName: 'full' })).cluster?.tags).toEqual(input.tags);
    expect((await create({ ...input, configuration })).cluster?.status).toBe('ACTIVE');
    await refused(
      create({ clusterName: 'full', capacityProviders: ['FARGATE'] }),
      'InvalidParameterException',
      /idempotent/,
    );
  });

  it("takes container insights from the account's setting", async () => {
    const other = await stack.client({ region: 'eu-west-1' });
    await other.send(new PutAccountSettingCommand({ name: 'containerInsights', value: 'enabled' }));
    const { cluster } = await other.send(new CreateClusterCommand({ clusterName: 'observed' }));
    expect(cluster?.settings).toEqual([{ name: 'containerInsights', value: 'enabled' }]);
  });

  it.each<[string, CreateClusterCommandInput, RegExp]>([
    ['a bad name', { clusterName: 'a b' }, /name is invalid/],
    ['an unknown provider', { capacityProviders: ['mine'] }, /'mine' was not found/],
    [
      'a strategy without its provider',
      { defaultCapacityProviderStrategy: [{ capacityProvider: 'FARGATE', weight: 1 }] },
      /not associated/,
    ],
    [
      'no weight',
      { capacityProviders: ['FARGATE'], defaultCapacityProviderStrategy: [{ capacityProvider: 'FARGATE' }] },
      /weight/,
    ],
    [
      'two bases',
      {
        capacityProviders: ['FARGATE', 'FARGATE_SPOT'],
        defaultCapacityProviderStrategy: [
          { capacityProvider: 'FARGATE', weight: 1, base: 1 },
          { capacityProvider: 'FARGATE_SPOT', weight: 1, base: 1 },
        ],
      },
      /base/,
    ],
    ['a bad setting value', { settings: [{ name: 'containerInsights', value: 'on' }] }, /containerInsights/],
    ['a reserved tag', { tags: [{ key: 'aws:x', value: '' }] }, /reserved/],
    [
      'a tag given twice',
      {
        tags: [
          { key: 'a', value: '1' },
          { key: 'a', value: '2' },
        ],
      },
      /Duplicate/,
    ],
    [
      'logging without configuration',
      { configuration: { executeCommandConfiguration: { logging: 'OVERRIDE' } } },
      /log configuration/,
    ],
  ])('refuses %s', (_, input, message) =>
    refused(create({ clusterName: 'bad', ...input }), 'InvalidParameterException', message));

  it('says that there are no namespaces', () =>
    refused(create({ serviceConnectDefaults: { namespace: 'n' } }), 'UnsupportedFeatureException', /Cloud Map/));
});

describe('DescribeClusters', () => {
  it('tells what is missing beside what is there', async () => {
    await create({ clusterName: 'there' });
    const { clusters, failures } = await client.send(
      new DescribeClustersCommand({
        clusters: ['there', 'gone', arn('there'), arn('far').replace('us-east-1', 'us-east-2')],
      }),
    );
    expect(clusters?.map(({ clusterName }) => clusterName)).toEqual(['there']);
    expect(failures).toEqual([
      { arn: arn('far').replace('us-east-1', 'us-east-2'), reason: 'MISSING' },
      { arn: arn('gone'), reason: 'MISSING' },
    ]);
  });

  it('means the default cluster when it names none', async () => {
    const other = await stack.client({ accountId: '111122223333' });
    const ask = () => other.send(new DescribeClustersCommand({}));
    expect((await ask()).failures).toEqual([
      { arn: arn('default').replace('000000000000', '111122223333'), reason: 'MISSING' },
    ]);
    await other.send(new CreateClusterCommand({}));
    expect((await ask()).clusters).toHaveLength(1);
  });

  it('refuses more than 100 and what is no identifier', async () => {
    const clusters = Array.from({ length: 101 }, (_, index) => `c${index}`);
    await refused(client.send(new DescribeClustersCommand({ clusters })), 'InvalidParameterException');
    await refused(
      client.send(new DescribeClustersCommand({ clusters: [`${arn('a')}/b`] })),
      'InvalidParameterException',
      'Invalid identifier: Unexpected number of separators',
    );
  });
});

describe('ListClusters', () => {
  it('pages through the ACTIVE ones of an account and region', async () => {
    const other = await stack.client({ region: 'ap-south-1' });
    const names = ['a', 'b', 'c', 'd', 'e'];
    for (const clusterName of names) await other.send(new CreateClusterCommand({ clusterName }));
    await other.send(new DeleteClusterCommand({ cluster: 'c' }));
    const pages: string[][] = [];
    for await (const page of paginateListClusters({ client: other, pageSize: 2 }, {}))
      pages.push((page.clusterArns ?? []).map((each) => each.split('/')[1] ?? ''));
    expect(pages).toEqual([
      ['a', 'b'],
      ['d', 'e'],
    ]);
  });

  it('refuses a token that it did not give for this', async () => {
    const list = (input: object) => client.send(new ListClustersCommand(input));
    for (const clusterName of ['page1', 'page2']) await create({ clusterName });
    const { nextToken } = await list({ maxResults: 1 });
    expect((await list({ maxResults: 2, nextToken })).clusterArns).not.toHaveLength(0);
    await refused(list({ nextToken: 'nonsense' }), 'InvalidParameterException', 'Invalid token.');
    const elsewhere = await stack.client({ region: 'us-west-1' });
    await refused(
      elsewhere.send(new ListClustersCommand({ nextToken })),
      'InvalidParameterException',
      'Invalid token.',
    );
    await refused(list({ maxResults: 101 }), 'InvalidParameterException');
    await refused(list({ maxResults: 0 }), 'InvalidParameterException');
  });
});

describe('a cluster changes by', () => {
  it('UpdateCluster and UpdateClusterSettings', async () => {
    await create({ clusterName: 'changing', tags: [{ key: 'k', value: 'v' }] });
    const configuration = { executeCommandConfiguration: { logging: 'NONE' } } as const;
    const updated = await client.send(
      new UpdateClusterCommand({
        cluster: 'changing',
        configuration,
        settings: [{ name: 'containerInsights', value: 'enabled' }],
      }),
    );
    expect(updated.cluster).toMatchObject({ configuration, settings: [{ value: 'enabled' }], tags: [{ key: 'k' }] });
    const settings = [{ name: 'containerInsights', value: 'disabled' } as const];
    const again = await client.send(new UpdateClusterSettingsCommand({ cluster: arn('changing'), settings }));
    expect(again.cluster).toMatchObject({ configuration, settings });
    await refused(
      client.send(new UpdateClusterCommand({ cluster: 'nowhere' })),
      'ClusterNotFoundException',
      'Cluster not found.',
    );
  });

  it('PutClusterCapacityProviders', async () => {
    await create({ clusterName: 'provided' });
    const put = (capacityProviders: string[], ...strategy: string[]) =>
      client.send(
        new PutClusterCapacityProvidersCommand({
          cluster: 'provided',
          capacityProviders,
          defaultCapacityProviderStrategy: strategy.map((capacityProvider) => ({ capacityProvider, weight: 1 })),
        }),
      );
    expect((await put(['FARGATE', 'FARGATE_SPOT'], 'FARGATE_SPOT')).cluster).toMatchObject({
      capacityProviders: ['FARGATE', 'FARGATE_SPOT'],
      defaultCapacityProviderStrategy: [{ capacityProvider: 'FARGATE_SPOT', weight: 1, base: 0 }],
    });
    await refused(put(['FARGATE'], 'FARGATE_SPOT'), 'InvalidParameterException', /not associated/);
    expect((await put([])).cluster).toMatchObject({ capacityProviders: [], defaultCapacityProviderStrategy: [] });
  });
});

describe('DeleteCluster', () => {
  it('leaves an INACTIVE cluster that can be described and made anew', async () => {
    await create({ clusterName: 'brief', tags: [{ key: 'old', value: '' }] });
    const { cluster } = await client.send(new DeleteClusterCommand({ cluster: 'brief' }));
    expect(cluster?.status).toBe('INACTIVE');
    const described = await client.send(new DescribeClustersCommand({ clusters: ['brief'] }));
    expect(described.clusters?.[0]?.status).toBe('INACTIVE');
    await refused(client.send(new UpdateClusterCommand({ cluster: 'brief' })), 'ClusterNotFoundException');
    await refused(client.send(new DeleteClusterCommand({ cluster: 'brief' })), 'ClusterNotFoundException');
    expect((await create({ clusterName: 'brief' })).cluster).toMatchObject({ status: 'ACTIVE', tags: [] });
  });

  it('refuses unknown ones', () =>
    refused(
      client.send(new DeleteClusterCommand({ cluster: 'never' })),
      'ClusterNotFoundException',
      'Cluster not found.',
    ));
});
