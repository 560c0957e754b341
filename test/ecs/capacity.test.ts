import {
  CreateCapacityProviderCommand,
  CreateClusterCommand,
  DeleteAttributesCommand,
  DeleteCapacityProviderCommand,
  DeregisterContainerInstanceCommand,
  DescribeCapacityProvidersCommand,
  type DescribeCapacityProvidersCommandInput,
  DescribeContainerInstancesCommand,
  type ECSClient,
  ListAttributesCommand,
  ListContainerInstancesCommand,
  PutAttributesCommand,
  RegisterContainerInstanceCommand,
  UpdateCapacityProviderCommand,
  UpdateContainerAgentCommand,
  UpdateContainerInstancesStateCommand,
} from '@aws-sdk/client-ecs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiStack, createApiStack } from '../support/stack.ts';
import { refused } from './expect-error.ts';

let stack: ApiStack;
let client: ECSClient;

beforeAll(async () => {
  stack = await createApiStack();
  client = await stack.client();
  await client.send(new CreateClusterCommand({ clusterName: 'c', capacityProviders: ['FARGATE'] }));
});
afterAll(() => stack?.close());

const base = 'arn:aws:ecs:us-east-1:000000000000';

describe('capacity providers', () => {
  const ask = (input: DescribeCapacityProvidersCommandInput) =>
    client.send(new DescribeCapacityProvidersCommand(input));
  const names = async (input: DescribeCapacityProvidersCommandInput) =>
    (await ask(input)).capacityProviders?.map(({ name }) => name);

  it('are the two of Fargate', async () => {
    const { capacityProviders, failures, nextToken } = await ask({ include: ['TAGS'] });
    expect(capacityProviders).toEqual(
      ['FARGATE', 'FARGATE_SPOT'].map((name) => ({
        capacityProviderArn: `${base}:capacity-provider/${name}`,
        name,
        status: 'ACTIVE',
        type: name,
        tags: [],
      })),
    );
    expect([failures, nextToken]).toEqual([[], undefined]);
  });

  it('are found by name and ARN, and missing otherwise', async () => {
    const answer = await ask({ capacityProviders: [`${base}:capacity-provider/FARGATE_SPOT`, 'mine'] });
    expect(answer.capacityProviders).toMatchObject([{ name: 'FARGATE_SPOT' }]);
    expect(answer.failures).toEqual([{ arn: `${base}:capacity-provider/mine`, reason: 'MISSING' }]);
    expect(await names({ cluster: 'c' })).toEqual(['FARGATE']);
    await refused(ask({ cluster: 'nowhere' }), 'ClusterNotFoundException', 'Cluster not found.');
  });

  it('have pages', async () => {
    const { capacityProviders, nextToken } = await ask({ maxResults: 1 });
    expect(capacityProviders).toHaveLength(1);
    expect(await names({ maxResults: 1, nextToken })).toEqual(['FARGATE_SPOT']);
    await refused(ask({ maxResults: 11 }), 'InvalidParameterException');
  });

  it('cannot be made, changed or deleted', async () => {
    const provider = { autoScalingGroupProvider: { autoScalingGroupArn: 'arn' } };
    await refused(
      client.send(new CreateCapacityProviderCommand({ name: 'fargate-2', ...provider })),
      'InvalidParameterException',
      /prefixed/,
    );
    await refused(
      client.send(new CreateCapacityProviderCommand({ name: 'mine', ...provider })),
      'UnsupportedFeatureException',
    );
    await refused(
      client.send(new DeleteCapacityProviderCommand({ capacityProvider: 'FARGATE' })),
      'InvalidParameterException',
      /reserved/,
    );
    await refused(
      client.send(new DeleteCapacityProviderCommand({ capacityProvider: 'mine' })),
      'InvalidParameterException',
      /not found/,
    );
    await refused(
      client.send(new UpdateCapacityProviderCommand({ name: 'FARGATE_SPOT' })),
      'InvalidParameterException',
      /reserved/,
    );
  });
});

describe('container instances', () => {
  const id = '0123456789abcdef0123456789abcdef';
  const instanceArn = `${base}:container-instance/c/${id}`;

  it('are none', async () => {
    expect((await client.send(new ListContainerInstancesCommand({ cluster: 'c' }))).containerInstanceArns).toEqual([]);
    expect(
      (await client.send(new ListAttributesCommand({ cluster: 'c', targetType: 'container-instance' }))).attributes,
    ).toEqual([]);
    await refused(client.send(new ListContainerInstancesCommand({})), 'ClusterNotFoundException', 'Cluster not found.');
    await refused(
      client.send(new ListContainerInstancesCommand({ cluster: 'c', nextToken: 'x' })),
      'InvalidParameterException',
      'Invalid token.',
    );
  });

  it('are missing, each by its full ARN', async () => {
    const failures = [{ arn: instanceArn, reason: 'MISSING' }];
    const query = { cluster: 'c', containerInstances: [id, instanceArn] };
    expect(await client.send(new DescribeContainerInstancesCommand(query))).toMatchObject({
      containerInstances: [],
      failures,
    });
    expect(await client.send(new UpdateContainerInstancesStateCommand({ ...query, status: 'DRAINING' }))).toMatchObject(
      { failures },
    );
    await refused(
      client.send(new DescribeContainerInstancesCommand({ cluster: 'c', containerInstances: [] })),
      'InvalidParameterException',
    );
    const many = Array.from({ length: 11 }, () => id);
    await refused(
      client.send(
        new UpdateContainerInstancesStateCommand({ cluster: 'c', containerInstances: many, status: 'ACTIVE' }),
      ),
      'InvalidParameterException',
    );
  });

  it('can be neither registered nor changed', async () => {
    const target = { cluster: 'c', containerInstance: id };
    await refused(
      client.send(new RegisterContainerInstanceCommand({ cluster: 'c' })),
      'ClientException',
      /Fargate only/,
    );
    await refused(
      client.send(new DeregisterContainerInstanceCommand(target)),
      'InvalidParameterException',
      /not found/,
    );
    await refused(client.send(new UpdateContainerAgentCommand(target)), 'InvalidParameterException', /not found/);
    const attributes = [{ name: 'a', value: 'b', targetType: 'container-instance', targetId: id } as const];
    await refused(client.send(new PutAttributesCommand({ cluster: 'c', attributes })), 'TargetNotFoundException');
    await refused(client.send(new DeleteAttributesCommand({ cluster: 'c', attributes })), 'TargetNotFoundException');
  });
});
