/** The sentences of service events and deployments, in ECS's words. Pure. */

const troubleshooting = 'For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.';

const listed = (ids: readonly string[]) => ids.map((id) => `(task ${id})`).join(' ');

export const messages = {
  started: (service: string, ids: readonly string[], replaced = 0) =>
    `(service ${service}) has started ${ids.length} tasks: ${listed(ids)}.` +
    (replaced > 0 ? ` Amazon ECS replaced ${replaced} tasks due to an unhealthy status.` : ''),
  stopped: (service: string, ids: readonly string[]) =>
    `(service ${service}) has stopped ${ids.length} running tasks: ${listed(ids)}.`,
  failedChecks: (service: string, id: string) => `(service ${service}) (task ${id}) failed container health checks.`,
  steady: (service: string) => `(service ${service}) has reached a steady state.`,
  completed: (service: string, deployment: string) =>
    `(service ${service}) (deployment ${deployment}) deployment completed.`,
  failed: (service: string, deployment: string, reason: string) =>
    `(service ${service}) (deployment ${deployment}) deployment failed: ${reason}.`,
  rollingBack: (service: string, deployment: string) =>
    `(service ${service}) rolling back to deployment ${deployment}.`,
  unableToPlace: (service: string, reason: string) =>
    `(service ${service}) was unable to place a task. Reason: ${reason.replace(/\.$/, '')}. ${troubleshooting}`,
  unableToStart: (service: string) =>
    `(service ${service}) is unable to consistently start tasks successfully. ${troubleshooting}`,
  hindered: (service: string) =>
    `(service ${service}) was unable to stop or start tasks during a deployment because of the service deployment configuration. Update the minimumHealthyPercent or maximumPercent value and try again.`,
  protectedTasks: (service: string, deployment: string) =>
    `(service ${service}) was unable to reach steady state because task set (${deployment}) was unable to scale in. Reason: The number of protected tasks are more than the desired count of tasks.`,
  unbalanced: (service: string, zones: string) =>
    `(service ${service}) is not AZ balanced with ${zones}. AZ Rebalancing in progress.`,
  balanced: (service: string, zones: string) => `(service ${service}) is AZ balanced with ${zones}.`,
  zones: (counts: readonly (readonly [zone: string, tasks: number])[]) => {
    const texts = counts.map(([zone, tasks]) => `${tasks} tasks in ${zone}`);
    return texts.length < 2 ? texts.join('') : `${texts.slice(0, -1).join(', ')} and ${texts.at(-1)}`;
  },
} as const;

export const capacityUnavailable =
  'Capacity is unavailable at this time. Please try again later or in a different availability zone';

/** stoppedReason of tasks that the scheduler stops. */
export const stopReasons = {
  scaling: (deployment: string) => `Scaling activity initiated by (deployment ${deployment})`,
  failedChecks: 'Task failed container health checks',
} as const;

export const rolloutReasons = {
  inProgress: (deployment: string) => `ECS deployment ${deployment} in progress.`,
  completed: (deployment: string) => `ECS deployment ${deployment} completed.`,
  breaker: 'ECS deployment circuit breaker: tasks failed to start.',
  breakerRollback: (deployment: string) =>
    `ECS deployment circuit breaker: rolling back to deploymentId ${deployment}.`,
  rollback: (deployment: string) => `ECS deployment rolling back to deploymentId ${deployment}.`,
} as const;

export const deploymentReasons = {
  breaker: 'Service deployment rolled back because the circuit breaker threshold was exceeded.',
  breakerStopped: 'Service deployment failed because the circuit breaker threshold was exceeded.',
  requested: 'Service deployment rolled back because of a StopServiceDeployment request.',
  superseded: 'Service deployment was stopped because a newer service deployment was started.',
  deleted: 'Service deployment was stopped because the service was deleted.',
  hook: (stage: string, detail: string) =>
    `Service deployment rolled back because ${stage} lifecycle hook(s) failed. ${detail}`,
  noCandidate: 'No rollback candidate was found to run the rollback.',
} as const;
