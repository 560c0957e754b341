/** Log drivers by name, as destinations of a container's output. */
import type { Scope } from '../../core/scope.ts';
import { awslogsSink, createDestination, type LogDestination } from './awslogs.ts';
import type { LogsClients } from './logs-clients.ts';
import type { Destination, OutputContext, OutputOf } from './task-output.ts';

export function createDestinations(clients: LogsClients): OutputContext['destination'] {
  return (of) => (of.output.driver === 'awslogs' ? awslogs(clients, of) : undefined);
}

function awslogs(clients: LogsClients, { spec, container, output: { options }, log }: OutputOf): Destination {
  const scope: Scope = { accountId: spec.accountId, region: options['awslogs-region'] || spec.region };
  const prefix = options['awslogs-stream-prefix'];
  const destination: LogDestination = {
    client: clients.client(scope, spec.overrides.executionRoleArn),
    group: options['awslogs-group'] ?? '',
    // Without a prefix, where that is allowed, the stream is the container's id.
    stream: prefix ? `${prefix}/${container}/${spec.taskId}` : runtimeId({ spec, container }),
    createGroup: /^true$/i.test(options['awslogs-create-group'] ?? ''),
  };
  return {
    prepare: async (signal) => await createDestination(destination, signal),
    sink: () =>
      awslogsSink(destination, (count) =>
        log.warn({ container, events: count }, 'CloudWatch Logs refused events as too old or too new'),
      ),
  };
}

function runtimeId({ spec, container }: Pick<OutputOf, 'spec' | 'container'>): string {
  return spec.containers.find(({ name }) => name === container)?.runtimeId ?? `${spec.taskId}-${container}`;
}
