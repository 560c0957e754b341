/** Definitions and tasks through the public API, as a user's program would handle them. */
import {
  type ContainerDefinition,
  CreateClusterCommand,
  DescribeTasksCommand,
  type ECSClient,
  ListTasksCommand,
  RegisterTaskDefinitionCommand,
  type RegisterTaskDefinitionCommandInput,
  RunTaskCommand,
  type RunTaskCommandInput,
  StopTaskCommand,
  type Task,
} from '@aws-sdk/client-ecs';
import { eventually } from './eventually.ts';

/** A container definition whose `environment` is a plain record. */
export type TestContainer = Omit<ContainerDefinition, 'environment'> & {
  readonly environment?: Readonly<Record<string, string | number>>;
};

export async function createDefaultCluster(ecs: ECSClient): Promise<void> {
  await ecs.send(new CreateClusterCommand({}));
}

/** The smallest Fargate size, unless `rest` says otherwise. */
export async function register(
  ecs: ECSClient,
  family: string,
  containers: readonly TestContainer[],
  rest: Partial<RegisterTaskDefinitionCommandInput> = {},
): Promise<string> {
  await ecs.send(
    new RegisterTaskDefinitionCommand({
      family,
      cpu: '256',
      memory: '512',
      networkMode: 'awsvpc',
      requiresCompatibilities: ['FARGATE'],
      containerDefinitions: containers.map(({ environment = {}, ...container }, index) => ({
        name: index === 0 ? 'app' : `side${index}`,
        image: 'simulated',
        ...container,
        environment: Object.entries(environment).map(([name, value]) => ({ name, value: String(value) })),
      })),
      ...rest,
    }),
  );
  return family;
}

/** @throws Error when a task found no place */
export async function run(
  ecs: ECSClient,
  taskDefinition: string,
  rest: Partial<RunTaskCommandInput> = {},
): Promise<readonly string[]> {
  const { tasks = [], failures = [] } = await ecs.send(runCommand(taskDefinition, rest));
  if (failures.length > 0) throw new Error(`RunTask failed: ${failures[0]?.reason}`);
  return tasks.map(({ taskArn }) => taskArn ?? '');
}

export function runCommand(taskDefinition: string, rest: Partial<RunTaskCommandInput> = {}): RunTaskCommand {
  return new RunTaskCommand({
    taskDefinition,
    launchType: 'FARGATE',
    networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-12345678'] } },
    ...rest,
  });
}

export async function stop(ecs: ECSClient, task: string, reason?: string): Promise<Task> {
  const answer = await ecs.send(new StopTaskCommand({ task, reason }));
  if (!answer.task) throw new Error('StopTask answered no task.');
  return answer.task;
}

/** In the order of `arns`. */
export async function describe(ecs: ECSClient, arns: readonly string[]): Promise<readonly Task[]> {
  const found = new Map<string, Task>();
  for (let from = 0; from < arns.length; from += 100) {
    const answer = await ecs.send(new DescribeTasksCommand({ tasks: arns.slice(from, from + 100) }));
    for (const task of answer.tasks ?? []) found.set(task.taskArn ?? '', task);
  }
  return arns.map((arn) => {
    const task = found.get(arn);
    if (!task) throw new Error(`${arn} is not described.`);
    return task;
  });
}

/** Waits until all are in `status`. */
export async function until(
  ecs: ECSClient,
  arns: readonly string[],
  status: 'RUNNING' | 'STOPPED',
  patience = 45_000,
): Promise<readonly Task[]> {
  let last: readonly Task[] = [];
  const right = () => last.every(({ lastStatus }) => lastStatus === status);
  // From STOPPED no way leads back.
  const hopeless = () => status === 'RUNNING' && last.some(({ lastStatus }) => lastStatus === 'STOPPED');
  const wrong = () => last.filter(({ lastStatus }) => lastStatus !== status).map(summary);
  try {
    await eventually(
      `${arns.length} task(s) to be ${status}`,
      async () => {
        last = await describe(ecs, arns);
        return right() || hopeless() ? true : undefined;
      },
      patience,
    );
  } catch (error) {
    throw new Error(`${(error as Error).message}; not so: ${wrong().slice(0, 5).join('; ')}`, { cause: error });
  }
  if (!right()) throw new Error(`never ${status}: ${wrong().slice(0, 5).join('; ')}`);
  return last;
}

export async function untilStopped(ecs: ECSClient, arn: string, patience?: number): Promise<Task> {
  const [task] = await until(ecs, [arn], 'STOPPED', patience);
  if (!task) throw new Error(`${arn} is gone.`);
  return task;
}

/** All that the default cluster lists. */
export async function list(ecs: ECSClient, desiredStatus: 'RUNNING' | 'STOPPED'): Promise<readonly string[]> {
  const arns: string[] = [];
  let nextToken: string | undefined;
  do {
    const answer = await ecs.send(new ListTasksCommand({ desiredStatus, nextToken }));
    arns.push(...(answer.taskArns ?? []));
    nextToken = answer.nextToken;
  } while (nextToken !== undefined);
  return arns;
}

export const idOf = (arn: string): string => arn.slice(arn.lastIndexOf('/') + 1);

/** What a failed expectation should show of a task. */
export function summary({
  taskArn = '',
  lastStatus,
  desiredStatus,
  stopCode,
  stoppedReason,
  containers,
}: Task): string {
  const parts = (containers ?? []).map(
    ({ name, lastStatus: status, exitCode, reason }) => `${name} ${status} ${exitCode ?? '-'} ${reason ?? ''}`,
  );
  return `${idOf(taskArn)} ${lastStatus}/${desiredStatus} ${stopCode ?? ''} ${stoppedReason ?? ''} [${parts.join(', ')}]`;
}
