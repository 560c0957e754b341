/** The agent of ECS Exec in a container, as ECS shows it: read off the container's own life. Pure. */
import type { ManagedAgent } from '@aws-sdk/client-ecs';
import { containerLastStatus } from '../../core/lifecycle.ts';
import type { Task } from '../../core/task.ts';

/** Longshore puts nothing into containers: what ECS needs an agent for, works as soon as the container runs. */
export function agentStatus(task: Task, container: string): 'PENDING' | 'RUNNING' | 'STOPPED' {
  return containerLastStatus(task, container);
}

/** Absent where execute command was not enabled. */
export function managedAgents(task: Task, container: string): { readonly managedAgents?: ManagedAgent[] } {
  if (!task.spec.enableExecuteCommand) return {};
  const { startedAt, lastRestartAt } = task.observed.containers[container] ?? {};
  const started = lastRestartAt ?? startedAt;
  return {
    managedAgents: [
      {
        ...(started !== undefined && { lastStartedAt: new Date(started) }),
        name: 'ExecuteCommandAgent',
        lastStatus: agentStatus(task, container),
      },
    ],
  };
}
