/** Log drivers by name, as destinations of a container's output. */
import type { Scope } from '../../core/scope.ts';
import { awslogsSink, createDestination, type LogDestination } from './awslogs.ts';
import { tagOf, workerPort } from './firelens.ts';
import { createForwardClient } from './forward.ts';
import type { LogsClients } from './logs-clients.ts';
import { checkSplunkOptions, createSplunk } from './splunk.ts';
import type { Destination, OutputContext, OutputOf } from './task-output.ts';

export function createDestinations(clients: LogsClients): OutputContext['destination'] {
  return (of) => {
    switch (of.output.driver) {
      case 'awslogs':
        return awslogs(clients, of);
      case 'awsfirelens':
        return firelens(of);
      case 'splunk':
        return splunk(of);
      default:
        return undefined;
    }
  };
}

/** The router listens once it runs: nothing can be prepared. */
function firelens({ spec, container, address, routerKey }: OutputOf): Destination {
  const tag = tagOf(container, spec);
  const origin = { container_id: runtimeId({ spec, container }), container_name: container };
  return {
    prepare: async () => {},
    sink: () => {
      const client = createForwardClient(() => {
        const host = address();
        if (host === undefined) throw new Error('the task has no address');
        return { host, port: workerPort, sharedKey: routerKey };
      });
      return {
        batch: { events: 2_000, bytes: 1_048_576, overhead: 200, span: Number.POSITIVE_INFINITY },
        longestMessage: 1_048_576 - 65_536,
        deliver: async (events, signal) => {
          const records = events.map(({ timestamp, message, source }) => ({
            timestamp,
            record: { source, log: message, ...origin },
          }));
          await client.send(tag, records, signal);
        },
        close: client.close,
      };
    },
  };
}

function splunk({ spec, container, output: { options } }: OutputOf): Destination {
  const id = runtimeId({ spec, container });
  const name = spec.containers.find((each) => each.name === container);
  const origin = {
    host: spec.taskId,
    tagValues: { ID: id.slice(0, 12), FullID: id, Name: container, ImageName: name?.image ?? '' },
  };
  return {
    async prepare(signal) {
      checkSplunkOptions(options);
      const splunk = createSplunk(options, origin);
      await splunk.verify(signal).finally(() => splunk.sink().close());
    },
    sink: () => createSplunk(options, origin).sink(),
  };
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
