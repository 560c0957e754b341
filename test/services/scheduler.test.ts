/** The whole way, with simulated containers: requests, scheduler, worker, and back in what ECS describes. */
import { createServer } from 'node:http';
import {
  ContinueServiceDeploymentCommand,
  CreateClusterCommand,
  CreateTaskSetCommand,
  DeleteClusterCommand,
  DeleteServiceCommand,
  DeleteTaskSetCommand,
  DeregisterTaskDefinitionCommand,
  DescribeClustersCommand,
  DescribeServiceDeploymentsCommand,
  DescribeServiceRevisionsCommand,
  DescribeServicesCommand,
  DescribeTaskSetsCommand,
  type ECSClient,
  GetTaskProtectionCommand,
  ListServiceDeploymentsCommand,
  ListServicesCommand,
  StopServiceDeploymentCommand,
  StopTaskCommand,
  UpdateServicePrimaryTaskSetCommand,
  UpdateTaskProtectionCommand,
  UpdateTaskSetCommand,
} from '@aws-sdk/client-ecs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { createInstance, type Instance } from '../support/processes.ts';
import { createDefaultCluster, register } from '../support/tasks.ts';
import {
  create,
  describeService,
  messages,
  networkConfiguration,
  tasksOf,
  untilService,
  untilStable,
  update,
} from './support.ts';

let instance: Instance;
let ecs: ECSClient;
beforeAll(async () => {
  instance = await createInstance({
    runtime: 'fake',
    settings: { LONGSHORE_WORKER_MEMORY: '400000', LONGSHORE_SERVICE_HEALTHY_AFTER: '1' },
  });
  await Promise.all([instance.startApi(), instance.startWorker()]);
  ecs = instance.client({ maxAttempts: 3 });
  await createDefaultCluster(ecs);
  await register(ecs, 'runs', [{}]);
  await register(ecs, 'broken', [{ environment: { FAKE_FAIL_AT: 'pull' } }]);
});
afterAll(async () => await instance?.close());

const remove = async (name: string) => {
  await ecs.send(new DeleteServiceCommand({ service: name, force: true }));
  return await untilService(ecs, name, 'to be INACTIVE', ({ status }) => status === 'INACTIVE');
};

const history = async (service: string) => {
  const { serviceDeployments = [] } = await ecs.send(new ListServiceDeploymentsCommand({ service }));
  const serviceDeploymentArns = serviceDeployments.map(({ serviceDeploymentArn = '' }) => serviceDeploymentArn);
  const answer = await ecs.send(new DescribeServiceDeploymentsCommand({ serviceDeploymentArns }));
  return answer.serviceDeployments ?? [];
};

describe.concurrent('services', () => {
  test('from creation to deletion', async () => {
    const name = 'life';
    await create(ecs, name, 'runs', {
      desiredCount: 3,
      tags: [{ key: 'team', value: 'web' }],
      propagateTags: 'SERVICE',
      enableECSManagedTags: true,
    });
    const first = await untilStable(ecs, name);
    const [deployment] = first.deployments ?? [];
    expect(messages(first)).toEqual([
      `(service ${name}) has reached a steady state.`,
      `(service ${name}) (deployment ${deployment?.id}) deployment completed.`,
      `(service ${name}) has started 3 tasks: (task) (task) (task).`,
    ]);
    const tasks = await tasksOf(ecs, name);
    expect(tasks).toHaveLength(3);
    for (const task of tasks) {
      expect(task).toMatchObject({ group: `service:${name}`, startedBy: deployment?.id });
      expect(task.tags).toEqual([
        { key: 'team', value: 'web' },
        { key: 'aws:ecs:clusterName', value: 'default' },
        { key: 'aws:ecs:serviceName', value: name },
      ]);
    }

    const gone = await remove(name);
    expect(gone).toMatchObject({ desiredCount: 0, runningCount: 0, status: 'INACTIVE', deployments: [], events: [] });
    await eventually('its tasks to be over', async () => ((await tasksOf(ecs, name)).length === 0 ? true : undefined));
    for (const { stopCode } of await tasksOf(ecs, name, 'STOPPED')) expect(stopCode).toBe('ServiceSchedulerInitiated');
    const { serviceArns = [] } = await ecs.send(new ListServicesCommand({ maxResults: 100 }));
    expect(serviceArns.some((arn) => arn.endsWith(`/${name}`))).toBe(false);
    // The name is free again.
    await create(ecs, name, 'runs', { desiredCount: 1 });
    const again = await untilStable(ecs, name);
    expect(again.events).toHaveLength(3);
    await remove(name);
  });

  test('of a cluster whose runtime no worker has say so', async () => {
    const tags = [{ key: 'longshore:runtime', value: 'microvm' }];
    await ecs.send(new CreateClusterCommand({ clusterName: 'apart', tags }));
    await create(ecs, 'apart', 'runs', { cluster: 'apart' });
    await eventually('an event with the reason', async () => {
      const { services } = await ecs.send(new DescribeServicesCommand({ cluster: 'apart', services: ['apart'] }));
      return services?.[0]?.events?.find(({ message }) =>
        message?.includes('No Longshore worker has the runtime that the cluster asks for'),
      );
    });
    await ecs.send(new DeleteServiceCommand({ cluster: 'apart', service: 'apart', force: true }));
  });

  test('a rolling deployment leaves one deployment, and a history of two', async () => {
    await create(ecs, 'rolls', 'runs', { desiredCount: 2 });
    const before = await untilStable(ecs, 'rolls');
    const old = before.deployments?.[0]?.id;
    const answer = await update(ecs, 'rolls', { forceNewDeployment: true });
    expect(answer.deployments).toMatchObject([
      { status: 'PRIMARY', rolloutState: 'IN_PROGRESS' },
      { status: 'ACTIVE', id: old, rolloutState: 'COMPLETED', runningCount: 2 },
    ]);
    const after = await untilService(
      ecs,
      'rolls',
      'to be rolled',
      ({ deployments }) =>
        deployments?.length === 1 && deployments[0]?.id !== old && deployments[0]?.rolloutState === 'COMPLETED',
    );
    expect(after.runningCount).toBe(2);
    for (const { stoppedReason } of await tasksOf(ecs, 'rolls', 'STOPPED'))
      expect(stoppedReason).toBe(`Scaling activity initiated by (deployment ${after.deployments?.[0]?.id})`);
    const [newest, oldest] = await history('rolls');
    expect(newest).toMatchObject({
      status: 'SUCCESSFUL',
      sourceServiceRevisions: [{ arn: oldest?.targetServiceRevision?.arn }],
      targetServiceRevision: { requestedTaskCount: 2, runningTaskCount: 2, pendingTaskCount: 0 },
    });
    const serviceRevisionArns = [newest?.targetServiceRevision?.arn ?? ''];
    const { serviceRevisions } = await ecs.send(new DescribeServiceRevisionsCommand({ serviceRevisionArns }));
    expect(serviceRevisions).toMatchObject([
      {
        taskDefinition: after.taskDefinition,
        launchType: 'FARGATE',
        containerImages: [{ containerName: 'app', imageDigest: expect.stringMatching(/^sha256:/) }],
      },
    ]);
    await remove('rolls');
  });

  test('a task that is stopped or dies is replaced', async () => {
    await create(ecs, 'replaces', 'runs', { desiredCount: 1 });
    await untilStable(ecs, 'replaces');
    const [task] = await tasksOf(ecs, 'replaces');
    await ecs.send(new StopTaskCommand({ task: task?.taskArn }));
    await eventually('a replacement', async () => {
      const [next] = await tasksOf(ecs, 'replaces');
      return next && next.taskArn !== task?.taskArn && next.lastStatus === 'RUNNING' ? next : undefined;
    });
    await untilStable(ecs, 'replaces');
    await remove('replaces');
  });

  test('scaling follows every wish, however fast they come', async () => {
    await create(ecs, 'scales', 'runs', { desiredCount: 1 });
    for (const desiredCount of [5, 0, 3, 7, 2]) await update(ecs, 'scales', { desiredCount });
    const service = await untilStable(ecs, 'scales');
    expect(service.desiredCount).toBe(2);
    expect(await tasksOf(ecs, 'scales')).toHaveLength(2);
    for (let times = 0; times < 10; times += 1) await update(ecs, 'scales', { forceNewDeployment: true });
    const after = await untilStable(ecs, 'scales');
    expect(after.deployments).toHaveLength(1);
    expect(await tasksOf(ecs, 'scales')).toHaveLength(2);
    await remove('scales');
  });

  test('the circuit breaker rolls back to what worked', async () => {
    await create(ecs, 'breaks', 'runs', {
      desiredCount: 1,
      deploymentConfiguration: { deploymentCircuitBreaker: { enable: true, rollback: true } },
    });
    const before = await untilStable(ecs, 'breaks');
    await update(ecs, 'breaks', { taskDefinition: 'broken' });
    const after = await untilService(
      ecs,
      'breaks',
      'to be rolled back',
      ({ deployments, events }) =>
        deployments?.length === 1 &&
        deployments[0]?.rolloutState === 'COMPLETED' &&
        events?.some(({ message }) => message?.includes('rolling back')),
    );
    expect(after.deployments?.[0]?.id).toBe(before.deployments?.[0]?.id);
    expect(after.taskDefinition).toBe(before.taskDefinition);
    expect(messages(after)).toEqual(
      expect.arrayContaining([
        `(service breaks) rolling back to deployment ${before.deployments?.[0]?.id}.`,
        expect.stringContaining('was unable to place a task. Reason: CannotPullContainerError'),
      ]),
    );
    const [newest] = await history('breaks');
    expect(newest).toMatchObject({
      status: 'ROLLBACK_SUCCESSFUL',
      rollback: { serviceRevisionArn: expect.stringContaining('service-revision/default/breaks/') },
      deploymentCircuitBreaker: { status: 'TRIGGERED', threshold: 3, failureCount: 3 },
    });
    await remove('breaks');
  });

  test('a deployment that is stopped goes back too', async () => {
    await create(ecs, 'stops', 'runs');
    const before = await untilStable(ecs, 'stops');
    await update(ecs, 'stops', { taskDefinition: 'broken' });
    const [under] = await history('stops');
    await ecs.send(new StopServiceDeploymentCommand({ serviceDeploymentArn: under?.serviceDeploymentArn }));
    await eventually('the rollback', async () =>
      (await history('stops'))[0]?.status === 'ROLLBACK_SUCCESSFUL' ? true : undefined,
    );
    expect((await describeService(ecs, 'stops')).taskDefinition).toBe(before.taskDefinition);
    await remove('stops');
  });

  test('a definition that is deregistered keeps running and scaling, and is not deployed anew', async () => {
    await register(ecs, 'leaves', [{}]);
    await create(ecs, 'keeps', 'leaves');
    await untilStable(ecs, 'keeps');
    await ecs.send(new DeregisterTaskDefinitionCommand({ taskDefinition: 'leaves:1' }));
    await update(ecs, 'keeps', { desiredCount: 2 });
    await untilStable(ecs, 'keeps');
    await expect(update(ecs, 'keeps', { forceNewDeployment: true })).rejects.toMatchObject({
      name: 'ClientException',
      message: 'TaskDefinition is inactive',
    });
    await remove('keeps');
  });

  test('protected tasks outlive a scale-in, and go when they are free', async () => {
    await create(ecs, 'guards', 'runs', { desiredCount: 2 });
    await untilStable(ecs, 'guards');
    const tasks = (await tasksOf(ecs, 'guards')).map(({ taskArn = '' }) => taskArn);
    const cluster = 'default';
    const { protectedTasks } = await ecs.send(
      new UpdateTaskProtectionCommand({ cluster, tasks, protectionEnabled: true, expiresInMinutes: 5 }),
    );
    expect(protectedTasks?.every(({ protectionEnabled, expirationDate }) => protectionEnabled && expirationDate)).toBe(
      true,
    );
    await update(ecs, 'guards', { desiredCount: 0 });
    await untilService(ecs, 'guards', 'to say why', (service) =>
      messages(service)[0]?.endsWith('The number of protected tasks are more than the desired count of tasks.'),
    );
    expect(await tasksOf(ecs, 'guards')).toHaveLength(2);
    await ecs.send(new UpdateTaskProtectionCommand({ cluster, tasks, protectionEnabled: false }));
    const got = await ecs.send(new GetTaskProtectionCommand({ cluster, tasks }));
    for (const task of got.protectedTasks ?? []) expect(task.protectionEnabled).toBe(false);
    await untilStable(ecs, 'guards');
    await remove('guards');
  });

  test('blue and green run side by side, with hooks called and answered at their stages', async () => {
    const calls: { lifecycleStage: string; hookDetails?: unknown }[] = [];
    const hook = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        calls.push(JSON.parse(body));
        const first = calls.length === 1;
        response.end(
          JSON.stringify(first ? { hookStatus: 'IN_PROGRESS', callBackDelay: 0 } : { hookStatus: 'SUCCEEDED' }),
        );
      });
    });
    await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
    const { port } = hook.address() as { port: number };
    await create(ecs, 'colours', 'runs', {
      deploymentConfiguration: {
        strategy: 'CANARY',
        canaryConfiguration: { canaryPercent: 10, canaryBakeTimeInMinutes: 0 },
        lifecycleHooks: [
          {
            hookTargetArn: `http://127.0.0.1:${port}/hook`,
            roleArn: 'arn:aws:iam::000000000000:role/hooks',
            lifecycleStages: ['PRE_SCALE_UP', 'POST_SCALE_UP'],
            hookDetails: { says: 'hello' },
          },
          { targetType: 'PAUSE', lifecycleStages: ['POST_TEST_TRAFFIC_SHIFT'] },
        ],
      },
    });
    const paused = async () => {
      const [newest] = await history('colours');
      const pause = newest?.lifecycleHookDetails?.find(({ status }) => status === 'AWAITING_ACTION');
      return newest && pause ? { arn: newest.serviceDeploymentArn, pause, newest } : undefined;
    };
    const first = await eventually('the pause', paused);
    expect(calls.map(({ lifecycleStage }) => lifecycleStage)).toEqual([
      'PRE_SCALE_UP',
      'PRE_SCALE_UP',
      'POST_SCALE_UP',
    ]);
    expect(calls[0]?.hookDetails).toEqual({ says: 'hello' });
    expect(first.newest).toMatchObject({
      lifecycleStage: 'POST_TEST_TRAFFIC_SHIFT',
      targetServiceRevision: {
        requestedTestTrafficWeight: 100,
        requestedProductionTrafficWeight: 0,
        runningTaskCount: 1,
      },
    });
    await ecs.send(
      new ContinueServiceDeploymentCommand({ serviceDeploymentArn: first.arn, hookId: first.pause.hookId }),
    );
    await untilStable(ecs, 'colours');

    await update(ecs, 'colours', { forceNewDeployment: true });
    const second = await eventually('the second pause', paused);
    expect(await tasksOf(ecs, 'colours')).toHaveLength(2);
    await ecs.send(
      new ContinueServiceDeploymentCommand({
        serviceDeploymentArn: second.arn,
        hookId: second.pause.hookId,
        action: 'ROLLBACK',
      }),
    );
    await eventually('the rollback', async () =>
      (await history('colours'))[0]?.status === 'ROLLBACK_SUCCESSFUL' ? true : undefined,
    );
    const after = await untilStable(ecs, 'colours');
    expect(after.runningCount).toBe(1);
    await remove('colours');
    hook.close();
  });

  test('task sets share the desired count of a service that somebody else deploys', async () => {
    await create(ecs, 'outside', '', {
      taskDefinition: undefined,
      launchType: undefined,
      networkConfiguration: undefined,
      desiredCount: 3,
      deploymentController: { type: 'EXTERNAL' },
    });
    const named = { cluster: 'default', service: 'outside' };
    const { taskSet } = await ecs.send(
      new CreateTaskSetCommand({
        ...named,
        taskDefinition: 'runs',
        launchType: 'FARGATE',
        networkConfiguration,
        externalId: 'deploy-1',
        scale: { value: 50, unit: 'PERCENT' },
      }),
    );
    expect(taskSet).toMatchObject({ status: 'ACTIVE', computedDesiredCount: 2, stabilityStatus: 'STABILIZING' });
    const id = taskSet?.id ?? '';
    const steady = async (count: number) =>
      await eventually(`${count} tasks`, async () => {
        const { taskSets } = await ecs.send(new DescribeTaskSetsCommand({ ...named, taskSets: [id] }));
        const [found] = taskSets ?? [];
        return found?.stabilityStatus === 'STEADY_STATE' && found.runningCount === count ? found : undefined;
      });
    await steady(2);
    for (const task of await tasksOf(ecs, 'outside')) expect(task.startedBy).toBe(id);
    await ecs.send(new UpdateServicePrimaryTaskSetCommand({ ...named, primaryTaskSet: id }));
    await ecs.send(new UpdateTaskSetCommand({ ...named, taskSet: id, scale: { value: 100, unit: 'PERCENT' } }));
    expect((await steady(3)).status).toBe('PRIMARY');
    await ecs.send(new DeleteTaskSetCommand({ ...named, taskSet: taskSet?.taskSetArn ?? '', force: true }));
    await untilService(ecs, 'outside', 'to have no task set', ({ taskSets }) => taskSets?.length === 0);
    await remove('outside');
  });
});

test('a cluster counts its services and is not deleted under them', async () => {
  const statistics = async () => {
    const { clusters = [] } = await ecs.send(new DescribeClustersCommand({ include: ['STATISTICS'] }));
    return clusters[0];
  };
  const before = await statistics();
  expect(before?.activeServicesCount).toBe(0);
  await create(ecs, 'counted', 'runs', { desiredCount: 0 });
  const after = await statistics();
  expect(after?.activeServicesCount).toBe(1);
  expect(after?.statistics).toContainEqual({ name: 'activeFargateServiceCount', value: '1' });
  await expect(ecs.send(new DeleteClusterCommand({ cluster: 'default' }))).rejects.toMatchObject({
    name: 'ClusterContainsServicesException',
    message: 'The Cluster cannot be deleted while Services are active.',
  });
  await remove('counted');
});
