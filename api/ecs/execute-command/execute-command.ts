/** ExecuteCommand: checks that the container can be reached, and promises a session that the client then opens. */
import {
  ClientException,
  type ExecuteCommandRequest,
  type ExecuteCommandResponse,
  TargetNotConnectedException,
} from '@aws-sdk/client-ecs';
import { clusterArn, containerArn, taskArn } from '../../../core/arn.ts';
import type { Cluster } from '../../../core/cluster.ts';
import { clientPath, type ExecSessionSpec, newSessionId, newToken } from '../../../core/exec/session.ts';
import { CommandLineError, splitCommand } from '../../../core/exec/split-command.ts';
import { effectiveContainers } from '../../../core/overrides.ts';
import type { Task, TaskContainerSpec } from '../../../core/task.ts';
import type { Caller, RequestContext } from '../../operation.ts';
import { findIdInCluster } from '../arn.ts';
import { activeCluster } from '../cluster-lookup.ts';
import type { EcsDeps } from '../deps.ts';
import { invalidParameter } from '../errors.ts';
import { agentStatus } from '../managed-agent.ts';
import { transcriptTarget } from './transcript-target.ts';

export async function executeCommand(
  deps: EcsDeps,
  input: ExecuteCommandRequest,
  { caller, origin }: RequestContext,
): Promise<ExecuteCommandResponse> {
  if (input.interactive !== true) throw invalidParameter('Interactive is the only mode supported currently.');
  const { cluster } = await activeCluster(deps.store, caller, input.cluster);
  const task = await findTask(deps, caller, cluster.name, input.task ?? '');
  const container = chooseContainer(task, input.container);
  refuseUnreachable(task, container);
  const session: ExecSessionSpec = {
    accountId: caller.accountId,
    region: caller.region,
    sessionId: newSessionId(),
    taskId: task.spec.taskId,
    worker: task.spec.worker,
    container: container.name,
    command: commandWords(input.command ?? ''),
    ...(await transcript(deps, cluster, task, container.name)),
  };
  await refuseLostWorker(deps, task);
  const token = newToken();
  await deps.execSessions.create(session, token);
  return {
    clusterArn: clusterArn(caller, cluster.name),
    containerArn: containerArn(caller, cluster.name, task.spec.taskId, container.id),
    containerName: container.name,
    interactive: true,
    session: { sessionId: session.sessionId, streamUrl: streamUrl(origin, session.sessionId), tokenValue: token },
    taskArn: taskArn(caller, cluster.name, task.spec.taskId),
  };
}

/** Where a client of `origin` opens the session. */
export function streamUrl(origin: string, sessionId: string): string {
  return `${origin.replace(/^http/, 'ws')}${clientPath}${sessionId}?role=publish_subscribe`;
}

/** @throws InvalidParameterException */
async function findTask({ store }: EcsDeps, caller: Caller, cluster: string, identifier: string): Promise<Task> {
  const id = findIdInCluster(caller, cluster, 'task', identifier);
  if (id !== undefined && id.length !== 32 && id.length !== 36)
    throw invalidParameter('task length should be one of [32,36]');
  const [task] = id === undefined ? [] : await store.tasks.get(caller, [id]);
  if (task?.spec.clusterName !== cluster) throw invalidParameter('The referenced task was not found.');
  return task;
}

function chooseContainer({ spec }: Task, name: string | undefined): TaskContainerSpec {
  const [only, ...others] = spec.containers;
  if (!name) {
    if (only && others.length === 0) return only;
    throw invalidParameter('A container name must be specified for tasks that have multiple containers.');
  }
  const named = spec.containers.find((container) => container.name === name);
  if (!named) throw invalidParameter(`The container ${name} was not found in the task.`);
  return named;
}

/** In ECS's words, which are the same for a task without the agent and an agent that does not run. */
function refuseUnreachable(task: Task, container: TaskContainerSpec): void {
  if (task.observed.stoppedAt !== undefined) throw invalidParameter('The specified task is stopped.');
  if (!task.spec.enableExecuteCommand || agentStatus(task, container.name) !== 'RUNNING')
    throw invalidParameter(
      'The execute command failed because execute command was not enabled when the task was run or the execute command agent isn’t running. Wait and try again or run a new task with execute command enabled and try again.',
    );
}

/** A worker without a lease hears no call. */
async function refuseLostWorker({ store, clock }: EcsDeps, task: Task): Promise<void> {
  const worker = await store.workers.get(task.spec.worker);
  if (worker && worker.leaseUntil > clock()) return;
  throw new TargetNotConnectedException({
    message: 'The execute command failed due to an internal error. Try again later.',
    $metadata: {},
  });
}

function commandWords(line: string): readonly string[] {
  if (line.length > longestCommand)
    throw invalidParameter(`The command can have at most ${longestCommand} characters.`);
  try {
    return splitCommand(line);
  } catch (error) {
    if (!(error instanceof CommandLineError)) throw error;
    throw invalidParameter(`The command cannot be parsed: ${error.message}.`);
  }
}

const longestCommand = 65_536;

async function transcript(
  { store }: EcsDeps,
  cluster: Cluster,
  { spec }: Task,
  name: string,
): Promise<Pick<ExecSessionSpec, 'transcript'>> {
  const configuration = cluster.configuration?.executeCommandConfiguration;
  if (configuration?.kmsKeyId)
    throw new ClientException({
      message: `Longshore cannot encrypt sessions with the KMS key ${configuration.kmsKeyId} that the cluster's executeCommandConfiguration names. Remove kmsKeyId from it and try again.`,
      $metadata: {},
    });
  const definition = await store.taskDefinitions.get(spec, spec);
  const containers = definition ? effectiveContainers(definition.body, spec.overrides) : [];
  const target = transcriptTarget(
    configuration,
    spec,
    containers.find((container) => container.name === name)?.logConfiguration,
  );
  return target === undefined ? {} : { transcript: target };
}
