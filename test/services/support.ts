/** Services through the public API, as a user's program would handle them. */
import {
  CreateServiceCommand,
  type CreateServiceCommandInput,
  DescribeServicesCommand,
  DescribeTasksCommand,
  type ECSClient,
  ListTasksCommand,
  type Service,
  type Task,
  UpdateServiceCommand,
  type UpdateServiceCommandInput,
} from '@aws-sdk/client-ecs';
import { eventually } from '../support/eventually.ts';

export const networkConfiguration = { awsvpcConfiguration: { subnets: ['subnet-12345678', 'subnet-87654321'] } };

export async function create(
  ecs: ECSClient,
  serviceName: string,
  taskDefinition: string,
  rest: Partial<CreateServiceCommandInput> = {},
): Promise<Service> {
  const { service } = await ecs.send(
    new CreateServiceCommand({
      serviceName,
      taskDefinition,
      desiredCount: 1,
      launchType: 'FARGATE',
      networkConfiguration,
      ...rest,
    }),
  );
  if (!service) throw new Error('CreateService answered no service.');
  return service;
}

export async function update(
  ecs: ECSClient,
  service: string,
  input: Omit<UpdateServiceCommandInput, 'service'>,
): Promise<Service> {
  const answer = await ecs.send(new UpdateServiceCommand({ service, ...input }));
  if (!answer.service) throw new Error('UpdateService answered no service.');
  return answer.service;
}

export async function describeService(ecs: ECSClient, name: string): Promise<Service> {
  const { services = [] } = await ecs.send(new DescribeServicesCommand({ services: [name], include: ['TAGS'] }));
  if (!services[0]) throw new Error(`${name} is not described.`);
  return services[0];
}

/** What the waiter `services-stable` waits for, and the event that says so. */
export async function untilStable(ecs: ECSClient, name: string, patience = 60_000): Promise<Service> {
  return await eventually(
    `${name} to be stable`,
    async () => {
      const service = await describeService(ecs, name);
      const [deployment] = service.deployments ?? [];
      const stable =
        service.deployments?.length === 1 &&
        service.runningCount === service.desiredCount &&
        service.pendingCount === 0 &&
        deployment?.rolloutState === 'COMPLETED' &&
        messages(service)[0]?.endsWith('has reached a steady state.');
      return stable ? service : undefined;
    },
    patience,
  );
}

export async function untilService(
  ecs: ECSClient,
  name: string,
  what: string,
  holds: (service: Service) => unknown,
  patience = 60_000,
): Promise<Service> {
  return await eventually(
    `${name} ${what}`,
    async () => {
      const service = await describeService(ecs, name);
      return holds(service) ? service : undefined;
    },
    patience,
  );
}

/** Newest first. */
export const messages = (service: Service): readonly string[] =>
  (service.events ?? []).map(({ message = '' }) => message.replaceAll(/\(task [^)]+\)/g, '(task)'));

export async function tasksOf(
  ecs: ECSClient,
  serviceName: string,
  desiredStatus: 'RUNNING' | 'STOPPED' = 'RUNNING',
): Promise<readonly Task[]> {
  const { taskArns = [] } = await ecs.send(new ListTasksCommand({ serviceName, desiredStatus }));
  if (taskArns.length === 0) return [];
  const { tasks = [] } = await ecs.send(new DescribeTasksCommand({ tasks: taskArns, include: ['TAGS'] }));
  return tasks;
}
