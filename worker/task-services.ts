/** What tasks reach of this worker: the API at their gateway, and the metadata endpoint with their credentials. */
import type { Logger } from 'pino';
import type { Clock } from '../core/clock.ts';
import { readSecretsKey, secretsKeyPath } from '../core/secrets/key.ts';
import { createSessionIssuer } from '../core/session-credentials.ts';
import type { Settings } from '../core/settings.ts';
import type { Driver, HostService } from '../runtime/driver.ts';
import { startApiForwarder } from './api-forwarder.ts';
import { createAsker } from './metadata/asker.ts';
import { metadataAddress, startMetadataServer } from './metadata/server.ts';
import { createStorageReadings } from './metadata/storage.ts';
import type { NetworkRange } from './network-range.ts';
import type { TaskDirectory } from './task-directory.ts';
import type { Surroundings } from './task-environment.ts';
import { type AssumeTaskRole, createTaskRoles, ownRoles } from './task-role.ts';
import { awsRoles } from './task-role-aws.ts';
import type { RunningTask } from './task-runner.ts';
import type { Readings } from './usage.ts';

export interface TaskServicesOptions {
  readonly driver: Driver;
  readonly range: NetworkRange;
  readonly directory: TaskDirectory;
  readonly settings: Settings;
  /** Where the API answers; absent: tasks cannot reach it. */
  readonly endpoint: string | undefined;
  readonly readings: Readings;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface TaskServices {
  /** What a container of the task finds around it. */
  surroundings(task: RunningTask, container: string): Promise<Surroundings>;
  close(): Promise<void>;
}

export async function openTaskServices(options: TaskServicesOptions): Promise<TaskServices> {
  const { driver, range, directory, settings, endpoint, clock, log } = options;
  const undo: (() => Promise<void>)[] = [];
  const offered: HostService[] = [];
  const gateway = settings.runtime !== 'fake' ? range.gateway : undefined;
  const api = gateway && endpoint ? await startApiForwarder(gateway, endpoint, log) : undefined;
  if (api) {
    undo.push(api.close);
    offered.push({ port: api.port });
  }
  const readKey = async () => await readSecretsKey(secretsKeyPath(settings));
  const own = createTaskRoles(readKey, ownRoles(createSessionIssuer(readKey, clock)), clock);
  const roles = settings.taskCredentials === 'own' ? own : createTaskRoles(readKey, rolesElsewhere(settings), clock);
  const storage = createStorageReadings(driver, clock);
  const { separateNetworks } = await driver.capabilities();
  const metadata =
    gateway && separateNetworks
      ? await startMetadataServer({
          host: gateway,
          taskAt: directory.at,
          askerOf: (task) =>
            createAsker(task, {
              network: range,
              roles,
              ownRoles: own,
              endpoint,
              readings: options.readings,
              storage,
            }),
          clock,
          log,
        })
      : undefined;
  if (metadata) {
    undo.push(metadata.close);
    offered.push({ address: metadataAddress, port: 80, listensOn: metadata.port });
  }
  await driver.offer(offered);
  return {
    async surroundings(task, container) {
      const { spec } = task.recorder.task;
      const { runtimeId = '' } = spec.containers.find(({ name }) => name === container) ?? {};
      const credentialsId = task.taskRole === undefined ? undefined : await roles.credentialsId(task);
      return {
        region: spec.region,
        endpointUrl: endpointUrl(settings, api && `http://${gateway}:${api.port}`),
        metadata: metadata && { origin: `http://${metadataAddress}`, containerId: runtimeId, credentialsId },
      };
    },
    async close() {
      for (const step of undo.splice(0).reverse()) await step();
    },
  };
}

function rolesElsewhere({ taskCredentials }: Settings): AssumeTaskRole {
  return awsRoles(taskCredentials === 'aws' ? undefined : taskCredentials);
}

/** @param atGateway where tasks reach the API; undefined: nowhere */
function endpointUrl({ taskEndpoint, taskCredentials }: Settings, atGateway: string | undefined): string | undefined {
  if (taskEndpoint === 'none') return undefined;
  // Our API knows no credentials of others.
  if (taskEndpoint === 'gateway') return taskCredentials === 'own' ? atGateway : undefined;
  return taskEndpoint;
}
