/** What service operations accept, refuse and give back, without anything that runs. */
import { randomUUID } from 'node:crypto';
import * as ecs from '@aws-sdk/client-ecs';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SchedulerDeps } from '../../api/service-scheduler/deps.ts';
import { lookAtService } from '../../api/service-scheduler/look.ts';
import { WorkersAwayError } from '../../core/errors.ts';
import { serviceKey } from '../../core/service/service.ts';
import { refused } from '../ecs/expect-error.ts';
import { type ApiStack, createApiStack } from '../support/stack.ts';
import { register } from '../support/tasks.ts';
import { refusals } from './refusals.ts';

const networkConfiguration = {
  awsvpcConfiguration: { subnets: ['subnet-12345678'], securityGroups: ['sg-12345678'], assignPublicIp: 'ENABLED' },
} as const satisfies ecs.NetworkConfiguration;

const scope = { accountId: '000000000000', region: 'us-east-1' };

let stack: ApiStack;
let client: ecs.ECSClient;
let lastNumber = 0;
const unique = () => {
  lastNumber += 1;
  return `service-${lastNumber}`;
};

beforeAll(async () => {
  stack = await createApiStack();
  client = await stack.client();
  await client.send(new ecs.CreateClusterCommand({ capacityProviders: ['FARGATE', 'FARGATE_SPOT'] }));
  await register(client, 'web', [{}]);
});
afterAll(async () => await stack?.close());

const create = async (input: Partial<ecs.CreateServiceRequest> = {}) => {
  const answer = await client.send(
    new ecs.CreateServiceCommand({
      serviceName: unique(),
      taskDefinition: 'web',
      desiredCount: 1,
      launchType: 'FARGATE',
      networkConfiguration,
      ...input,
    }),
  );
  return answer.service ?? {};
};
const update = async (input: ecs.UpdateServiceRequest) =>
  (await client.send(new ecs.UpdateServiceCommand(input))).service ?? {};
const describeOne = async (name = '', include?: ecs.ServiceField[]) => {
  const { services = [] } = await client.send(new ecs.DescribeServicesCommand({ services: [name], include }));
  return services[0] ?? {};
};

describe('CreateService', () => {
  it('gives back what was asked, with what ECS adds', async () => {
    const deploymentConfiguration = {
      maximumPercent: 150,
      minimumHealthyPercent: 50,
      deploymentCircuitBreaker: { enable: true, rollback: true },
    };
    const asked = {
      serviceName: unique(),
      desiredCount: 2,
      platformVersion: '1.4.0',
      healthCheckGracePeriodSeconds: 30,
      enableECSManagedTags: true,
      propagateTags: 'SERVICE',
      availabilityZoneRebalancing: 'DISABLED',
      tags: [{ key: 'a', value: 'b' }],
    } as const satisfies Partial<ecs.CreateServiceRequest>;
    await create({ ...asked, tags: [...asked.tags], deploymentConfiguration });
    const service = await describeOne(asked.serviceName, ['TAGS']);
    expect(service).toMatchObject({
      ...asked,
      status: 'ACTIVE',
      serviceArn: `arn:aws:ecs:us-east-1:000000000000:service/default/${asked.serviceName}`,
      clusterArn: 'arn:aws:ecs:us-east-1:000000000000:cluster/default',
      taskDefinition: 'arn:aws:ecs:us-east-1:000000000000:task-definition/web:1',
      launchType: 'FARGATE',
      platformFamily: 'Linux',
      runningCount: 0,
      pendingCount: 0,
      networkConfiguration,
      schedulingStrategy: 'REPLICA',
      deploymentController: { type: 'ECS' },
      createdBy: 'arn:aws:iam::000000000000:root',
      enableExecuteCommand: false,
      loadBalancers: [],
      serviceRegistries: [],
      placementConstraints: [],
      placementStrategy: [],
      events: [],
      roleArn: expect.stringMatching(/AWSServiceRoleForECS$/),
      deploymentConfiguration: { ...deploymentConfiguration, strategy: 'ROLLING', bakeTimeInMinutes: 0 },
    });
    expect(service.deployments).toEqual([
      expect.objectContaining({
        id: expect.stringMatching(/^ecs-svc\/\d{19}$/),
        status: 'PRIMARY',
        desiredCount: 2,
        failedTasks: 0,
        platformVersion: '1.4.0',
        rolloutState: 'IN_PROGRESS',
        rolloutStateReason: expect.stringMatching(/^ECS deployment ecs-svc\/\d+ in progress\.$/),
      }),
    ]);
    expect((await describeOne(asked.serviceName)).tags).toBeUndefined();
  });

  it('keeps a strategy instead of a launch type, or takes the cluster’s own', async () => {
    const service = await create({
      launchType: undefined,
      capacityProviderStrategy: [{ capacityProvider: 'FARGATE_SPOT', weight: 2 }],
    });
    expect(service.launchType).toBeUndefined();
    expect(service.capacityProviderStrategy).toEqual([{ capacityProvider: 'FARGATE_SPOT', weight: 2, base: 0 }]);
  });

  it('answers the same request with the same service, and another one with an error', async () => {
    const serviceName = unique();
    const first = await create({ serviceName });
    expect((await create({ serviceName })).deployments?.[0]?.id).toBe(first.deployments?.[0]?.id);
    await refused(
      create({ serviceName, desiredCount: 7 }),
      'InvalidParameterException',
      'Creation of service was not idempotent.',
    );
    await client.send(new ecs.DeleteServiceCommand({ service: serviceName, force: true }));
    await refused(
      create({ serviceName }),
      'InvalidParameterException',
      'Unable to Start a service that is still Draining.',
    );
  });

  it.each(refusals)('refuses %s', async (_, input, name, message) => {
    await refused(create(input), name, message);
  });
});

describe('a definition that is deleted under a service', () => {
  const purge = async () => await stack.store.taskDefinitions.purgeDeleted(Date.now() + 3_600_000, 100);

  it('stays until no service may start a task from it', async () => {
    await register(client, 'leaving', [{}]);
    const { serviceName: name = '' } = await create({ taskDefinition: 'leaving' });
    await client.send(new ecs.DeregisterTaskDefinitionCommand({ taskDefinition: 'leaving:1' }));
    await client.send(new ecs.DeleteTaskDefinitionsCommand({ taskDefinitions: ['leaving:1'] }));
    await purge();
    const found = async () => await stack.store.taskDefinitions.get(scope, { family: 'leaving', revision: 1 });
    expect((await found())?.status).toBe('DELETE_IN_PROGRESS');
    expect(await update({ service: name, desiredCount: 2 })).toMatchObject({ desiredCount: 2 });
    await refused(update({ service: name, forceNewDeployment: true }), 'ClientException', 'TaskDefinition is inactive');

    const inactive = { ...scope, clusterName: 'default', name };
    await stack.store.services.change(inactive, (service) => ({ service: { ...service, status: 'INACTIVE' } }));
    await purge();
    expect(await found()).toBeUndefined();
  });
});

describe('UpdateService', () => {
  it('changes what needs no deployment in place', async () => {
    const { serviceName = '', deployments } = await create();
    const changed = await update({
      service: serviceName,
      desiredCount: 4,
      healthCheckGracePeriodSeconds: 9,
      enableECSManagedTags: true,
      propagateTags: 'TASK_DEFINITION',
      availabilityZoneRebalancing: 'DISABLED',
      deploymentConfiguration: { maximumPercent: 300 },
      taskDefinition: 'web:1',
      networkConfiguration,
      loadBalancers: [],
    });
    expect(changed).toMatchObject({
      desiredCount: 4,
      healthCheckGracePeriodSeconds: 9,
      enableECSManagedTags: true,
      propagateTags: 'TASK_DEFINITION',
      availabilityZoneRebalancing: 'DISABLED',
      deploymentConfiguration: { maximumPercent: 300, minimumHealthyPercent: 100 },
    });
    expect(changed.deployments).toHaveLength(1);
    expect(changed.deployments?.[0]).toMatchObject({ id: deployments?.[0]?.id, desiredCount: 4 });
  });

  it.each<[string, Omit<ecs.UpdateServiceRequest, 'service'>]>([
    ['force', { forceNewDeployment: true }],
    ['another network', { networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-87654321'] } } }],
    ['another platform', { platformVersion: '1.4.0' }],
  ])('deploys anew for %s', async (_, input) => {
    const { serviceName = '', deployments } = await create();
    const changed = await update({ service: serviceName, ...input });
    expect(changed.deployments?.map(({ status }) => status)).toEqual(['PRIMARY', 'ACTIVE']);
    expect(changed.deployments?.[1]?.id).toBe(deployments?.[0]?.id);
    const { serviceDeployments } = await client.send(new ecs.ListServiceDeploymentsCommand({ service: serviceName }));
    expect(serviceDeployments?.map(({ status }) => status)).toEqual(['PENDING', 'STOPPED']);
  });

  it('goes to a strategy and back to the launch type', async () => {
    const { serviceName = '' } = await create();
    const spot = [{ capacityProvider: 'FARGATE_SPOT', weight: 1 }];
    await refused(
      update({ service: serviceName, capacityProviderStrategy: spot }),
      'InvalidParameterException',
      /you must force a new deployment\.$/,
    );
    const full = [{ capacityProvider: 'FARGATE_SPOT', weight: 1, base: 0 }];
    const forced = { service: serviceName, forceNewDeployment: true };
    const there = await update({ ...forced, capacityProviderStrategy: spot });
    expect(there.capacityProviderStrategy).toEqual(full);
    // What runs keeps what it was started with.
    expect(there.deployments).toMatchObject([{ capacityProviderStrategy: full }, { launchType: 'FARGATE' }]);
    expect((await update({ service: serviceName, capacityProviderStrategy: full })).deployments).toHaveLength(2);
    const back = await update({ ...forced, capacityProviderStrategy: [] });
    expect(back.launchType).toBe('FARGATE');
    expect(back.capacityProviderStrategy).toBeUndefined();
  });

  it('wants a task role for ECS Exec, also where nothing is deployed anew', async () => {
    const { serviceName = '' } = await create();
    await refused(
      update({ service: serviceName, enableExecuteCommand: true }),
      'InvalidParameterException',
      "The service couldn't be updated because a valid taskRoleArn is not being used. Specify a valid task role in your task definition and try again.",
    );
  });

  it('refuses what is not there and what is deleted', async () => {
    await refused(update({ service: 'none' }), 'ServiceNotFoundException', 'Service not found.');
    const { serviceName = '' } = await create();
    await client.send(new ecs.DeleteServiceCommand({ service: serviceName, force: true }));
    await refused(update({ service: serviceName }), 'ServiceNotActiveException', 'Service was not ACTIVE.');
  });
});

describe('DeleteService', () => {
  it('needs force while tasks are wanted, and leaves the list at once', async () => {
    const { serviceName = '', serviceArn = '' } = await create();
    const remove = (force?: boolean) => client.send(new ecs.DeleteServiceCommand({ service: serviceArn, force }));
    await refused(remove(), 'InvalidParameterException', 'The service cannot be stopped while it is scaled above 0.');
    expect((await remove(true)).service).toMatchObject({ status: 'DRAINING', desiredCount: 0 });
    expect((await describeOne(serviceName)).status).toBe('DRAINING');
    const { serviceArns } = await client.send(new ecs.ListServicesCommand({ maxResults: 100 }));
    expect(serviceArns).not.toContain(serviceArn);
  });
});

describe('what describes and lists', () => {
  it('tells what is missing, by full ARN', async () => {
    const { failures } = await client.send(new ecs.DescribeServicesCommand({ services: ['none'] }));
    expect(failures).toEqual([{ arn: 'arn:aws:ecs:us-east-1:000000000000:service/default/none', reason: 'MISSING' }]);
    const serviceDeploymentArns = ['arn:aws:ecs:us-east-1:000000000000:service-deployment/default/none/x'];
    const deployments = await client.send(new ecs.DescribeServiceDeploymentsCommand({ serviceDeploymentArns }));
    expect(deployments.failures).toEqual([{ arn: serviceDeploymentArns[0], reason: 'MISSING' }]);
  });

  it('lists ten services to a page and takes up to ten to describe', async () => {
    for (let index = 0; index < 12; index += 1) await create();
    const first = await client.send(new ecs.ListServicesCommand({}));
    expect(first.serviceArns).toHaveLength(10);
    expect(first.nextToken).toBeDefined();
    const services = Array.from({ length: 11 }, (_, index) => `s${index}`);
    await refused(
      client.send(new ecs.DescribeServicesCommand({ services })),
      'InvalidParameterException',
      'Services can have at most 10 items.',
    );
  });

  it('knows no namespaces', async () => {
    await refused(
      client.send(new ecs.ListServicesByNamespaceCommand({ namespace: 'n' })),
      'NamespaceNotFoundException',
      /namespace was not found/,
    );
  });

  it('tags services, and lists tasks of those that exist only', async () => {
    const { serviceArn: resourceArn = '', serviceName = '' } = await create();
    await client.send(new ecs.TagResourceCommand({ resourceArn, tags: [{ key: 'k', value: 'v' }] }));
    const { tags } = await client.send(new ecs.ListTagsForResourceCommand({ resourceArn }));
    expect(tags).toEqual([{ key: 'k', value: 'v' }]);
    expect((await client.send(new ecs.ListTasksCommand({ serviceName }))).taskArns).toEqual([]);
    await refused(
      client.send(new ecs.ListTasksCommand({ serviceName: 'none' })),
      'ServiceNotFoundException',
      'Service not found.',
    );
  });
});

describe('task sets', () => {
  const external = async () =>
    await create({
      taskDefinition: undefined,
      launchType: undefined,
      networkConfiguration: undefined,
      deploymentController: { type: 'EXTERNAL' },
    });

  it('belong to services with the EXTERNAL controller only', async () => {
    const { serviceName: service = '' } = await create();
    const input = {
      cluster: 'default',
      service,
      taskDefinition: 'web',
      launchType: 'FARGATE',
      networkConfiguration,
    } as const;
    await refused(client.send(new ecs.CreateTaskSetCommand(input)), 'InvalidParameterException', /EXTERNAL/);
  });

  it('are made once for a client token, at most five, and found by id and ARN', async () => {
    const { serviceName: service = '', deployments, taskSets } = await external();
    expect([deployments, taskSets]).toEqual([[], []]);
    const input = {
      cluster: 'default',
      service,
      taskDefinition: 'web',
      launchType: 'FARGATE',
      networkConfiguration,
    } as const;
    const one = async (clientToken?: string) =>
      (await client.send(new ecs.CreateTaskSetCommand({ ...input, clientToken, tags: [{ key: 'k', value: 'v' }] })))
        .taskSet;
    const first = await one('token');
    expect(first).toMatchObject({
      taskSetArn: `arn:aws:ecs:us-east-1:000000000000:task-set/default/${service}/${first?.id}`,
      status: 'ACTIVE',
      scale: { value: 0, unit: 'PERCENT' },
      computedDesiredCount: 0,
    });
    expect((await one('token'))?.id).toBe(first?.id);
    for (let index = 0; index < 4; index += 1) await one();
    await refused(one(), 'LimitExceededException', /at most 5 task sets/);
    const found = await client.send(
      new ecs.DescribeTaskSetsCommand({
        cluster: 'default',
        service,
        taskSets: [first?.taskSetArn ?? '', 'ecs-svc/1'],
        include: ['TAGS'],
      }),
    );
    expect(found.taskSets).toMatchObject([{ id: first?.id, tags: [{ key: 'k', value: 'v' }] }]);
    expect(found.failures).toMatchObject([{ reason: 'MISSING' }]);
  });

  it('refuse to be updated as if ECS deployed them', async () => {
    const { serviceName: service = '' } = await external();
    await refused(
      update({ service, taskDefinition: 'web' }),
      'InvalidParameterException',
      'Unable to update task definition on services with an EXTERNAL deployment controller.',
    );
  });
});

describe('task protection', () => {
  it('is for tasks of services', async () => {
    const tasks = ['0'.repeat(32)];
    const { failures } = await client.send(
      new ecs.UpdateTaskProtectionCommand({ cluster: 'default', tasks, protectionEnabled: true }),
    );
    expect(failures).toMatchObject([{ reason: 'MISSING' }]);
    await refused(
      client.send(
        new ecs.UpdateTaskProtectionCommand({
          cluster: 'default',
          tasks,
          protectionEnabled: true,
          expiresInMinutes: 3000,
        }),
      ),
      'InvalidParameterException',
      'expiresInMinutes must be from 1 to 2880.',
    );
  });
});

describe('the scheduler', () => {
  it('comes back to a service whose tasks could not be placed when their time had come', async () => {
    const { serviceName = '' } = await create();
    const key = { ...scope, clusterName: 'default', name: serviceName };
    const start = Date.now();
    let now = start;
    const look = async () => {
      const away = async () => {
        throw new WorkersAwayError();
      };
      const deps: SchedulerDeps = {
        store: { ...stack.store, tasks: { ...stack.store.tasks, place: away } },
        queue: { wake: () => {}, wakeAt: () => {}, call: () => {} },
        clock: () => now,
        newUuid: randomUUID,
        healthyAfter: 1000,
        clusterRuntime: 'any',
        log: pino({ level: 'silent' }),
      };
      await lookAtService(deps, serviceKey(key));
    };
    const due = async () => (await stack.store.services.due(now, 1000)).includes(serviceKey(key));
    await stack.store.services.change(key, (service) => {
      const [deployment, ...others] = service.deployments;
      const pace = { attempts: 1, failedAt: start, notBefore: start + 1000 };
      return { service: { ...service, deployments: deployment ? [{ ...deployment, pace }, ...others] : [] } };
    });
    await look();
    expect(await due()).toBe(false);
    now = start + 1001;
    expect(await due()).toBe(true);
    for (const _ of [1, 2]) {
      await expect(look()).rejects.toThrow(WorkersAwayError);
      expect(await due()).toBe(true);
    }
  });
});
