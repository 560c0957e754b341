/** CloudWatch Logs for transcripts: Longshore's own with credentials that the worker issues, or a service elsewhere. */
import type { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { partitionOf } from '../../core/arn.ts';
import type { ExecSessionSpec } from '../../core/exec/session.ts';
import type { SessionIssuer } from '../../core/session-credentials.ts';
import { patience } from '../secrets-aws.ts';
import type { LogsClients } from './transcript-logs.ts';

/** Seconds that issued credentials are good for; the SDK has new ones before they end. */
const credentialLife = 3600;

/**
 * @param endpoint undefined: there is none, and nothing is written down
 * @param issuer of credentials for the session's account; undefined: the ones that AWS SDKs find
 */
export function logsClients(endpoint: string | undefined, issuer: SessionIssuer | undefined): LogsClients {
  return async (session, region): Promise<CloudWatchLogsClient> => {
    if (endpoint === undefined) throw new Error('Longshore has no endpoint for CloudWatch Logs.');
    const { CloudWatchLogsClient } = await import('@aws-sdk/client-cloudwatch-logs');
    return new CloudWatchLogsClient({
      endpoint,
      region,
      requestHandler: patience,
      ...(issuer && { credentials: async () => await credentialsOf(issuer, session) }),
    });
  };
}

async function credentialsOf(issuer: SessionIssuer, { accountId, region, sessionId }: ExecSessionSpec) {
  const arn = `arn:${partitionOf(region)}:sts::${accountId}:assumed-role/ecs-execute-command/${sessionId}`;
  const { expiresAt, ...credentials } = await issuer.issue({ accountId, arn }, credentialLife);
  return { ...credentials, expiration: new Date(expiresAt) };
}
