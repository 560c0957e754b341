/** Clients of CloudWatch Logs: Longshore's own with credentials of the task's execution role, or another one's. */
import type { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { partitionOf } from '../../core/arn.ts';
import type { Scope } from '../../core/scope.ts';
import type { SessionIssuer } from '../../core/session-credentials.ts';
import type { LogsClient } from './awslogs.ts';

export interface LogsClientsOptions {
  /** A CloudWatch Logs elsewhere, with the credentials that AWS SDKs find in their environment. */
  readonly elsewhere: string | undefined;
  /** Longshore's own API; absent: there is none to be had. */
  readonly own: string | undefined;
  readonly sessions: SessionIssuer;
  /** Ends the role's ARN. */
  readonly sessionName: string;
  /** Times that a call is tried. */
  readonly attempts: number;
}

export interface LogsClients {
  /** @param executionRoleArn of the task; absent: the account's root asks */
  client(scope: Scope, executionRoleArn: string | undefined): LogsClient;
  close(): void;
}

/** Seconds that a worker's credentials last. */
const lifetime = 3600;
const patience = { connectionTimeout: 5_000, requestTimeout: 30_000, throwOnRequestTimeout: true };

export function createLogsClients(options: LogsClientsOptions): LogsClients {
  const { elsewhere, own, sessions, sessionName, attempts } = options;
  const endpoint = elsewhere ?? own;
  const clients = new Map<string, Promise<CloudWatchLogsClient>>();

  async function make(scope: Scope, arn: string): Promise<CloudWatchLogsClient> {
    if (endpoint === undefined) throw new Error('This worker knows no CloudWatch Logs.');
    const { CloudWatchLogsClient } = await import('@aws-sdk/client-cloudwatch-logs');
    return new CloudWatchLogsClient({
      endpoint,
      region: scope.region,
      maxAttempts: attempts,
      requestHandler: patience,
      ...(elsewhere === undefined && {
        credentials: async () => {
          const { expiresAt, ...credentials } = await sessions.issue({ accountId: scope.accountId, arn }, lifetime);
          return { ...credentials, expiration: new Date(expiresAt) };
        },
      }),
    });
  }

  return {
    client: (scope, executionRoleArn) => () => {
      const arn = roleSession(scope, executionRoleArn, sessionName);
      const key = `${scope.accountId} ${scope.region} ${arn}`;
      const client = clients.get(key) ?? make(scope, arn);
      clients.set(key, client);
      return client;
    },
    close() {
      for (const client of clients.values())
        client.then(
          (made) => made.destroy(),
          () => {},
        );
    },
  };
}

function roleSession({ accountId, region }: Scope, roleArn: string | undefined, sessionName: string): string {
  if (roleArn === undefined) return `arn:${partitionOf(region)}:iam::${accountId}:root`;
  const role = roleArn.slice(roleArn.lastIndexOf('/') + 1);
  return `arn:${partitionOf(region)}:sts::${accountId}:assumed-role/${role}/${sessionName}`;
}
