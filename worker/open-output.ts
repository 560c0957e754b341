/** What takes containers' output and the transcripts of ECS Exec away, put together. */
import { join } from 'node:path';
import type { Logger } from 'pino';
import { systemClock } from '../core/clock.ts';
import { readSecretsKey, secretsKeyPath } from '../core/secrets/key.ts';
import { createSessionIssuer } from '../core/session-credentials.ts';
import type { Settings } from '../core/settings.ts';
import type { Driver } from '../runtime/driver.ts';
import { createTranscripts, type OpenTranscript } from './exec/transcript.ts';
import { bucketTranscripts } from './exec/transcript-bucket.ts';
import { logGroupTranscripts } from './exec/transcript-logs.ts';
import { createDestinations } from './output/destinations.ts';
import { createLogsClients } from './output/logs-clients.ts';
import type { OutputContext } from './output/task-output.ts';

export interface OpenOutput {
  readonly context: OutputContext;
  readonly openTranscript: OpenTranscript;
  close(): Promise<void>;
}

/** @param endpoint where the API answers; undefined: this worker knows none */
export function openOutput(driver: Driver, settings: Settings, endpoint: string | undefined, log: Logger): OpenOutput {
  const logs = {
    elsewhere: settings.logsEndpoint,
    own: endpoint,
    sessions: createSessionIssuer(async () => await readSecretsKey(secretsKeyPath(settings)), systemClock),
  };
  // Whether a call that failed was carried out is looked up before it is repeated.
  const outputClients = createLogsClients({ ...logs, sessionName: 'longshore', attempts: 1 });
  const transcriptClients = createLogsClients({ ...logs, sessionName: 'ecs-execute-command', attempts: 3 });
  const places = [logGroupTranscripts(transcriptClients, systemClock), bucketTranscripts(settings.s3Endpoint)];
  return {
    context: {
      driver,
      folder: join(settings.dataDir, 'output', settings.workerName),
      buffered: { bytes: 0 },
      clock: systemClock,
      destination: createDestinations(outputClients),
    },
    openTranscript: createTranscripts(places, log),
    async close() {
      for (const clients of [outputClients, transcriptClients]) clients.close();
    },
  };
}
