/** Requests for CloudWatch Logs, passed on to the API process that keeps the logs, in the caller's account. */
import * as sdk from '@aws-sdk/client-cloudwatch-logs';
import type { Scope } from '../../core/scope.ts';
import type { SessionIssuer } from '../../core/session-credentials.ts';

/** The owner of the logs does not answer. */
export class OwnerAwayError extends Error {
  override readonly name = 'OwnerAwayError';
}

export interface Forwarder {
  /** @throws OwnerAwayError, or what the owner answered */
  forward(endpoint: string, operation: string, input: never, scope: Scope): Promise<unknown>;
  close(): void;
}

type Command = typeof sdk.GetLogEventsCommand;

const commands = sdk as unknown as Readonly<Record<string, Command | undefined>>;

/** Seconds that the credentials last which requests are passed on with. */
const lifetime = 3600;

export function createForwarder(sessions: SessionIssuer): Forwarder {
  const clients = new Map<string, sdk.CloudWatchLogsClient>();

  function clientOf(endpoint: string, { accountId, region }: Scope): sdk.CloudWatchLogsClient {
    const key = `${endpoint} ${accountId} ${region}`;
    const client =
      clients.get(key) ??
      new sdk.CloudWatchLogsClient({
        endpoint,
        region,
        disableHostPrefix: true,
        maxAttempts: 1,
        requestHandler: { connectionTimeout: 2_000 },
        credentials: async () => {
          const arn = `arn:aws:iam::${accountId}:root`;
          const { expiresAt, ...credentials } = await sessions.issue({ accountId, arn }, lifetime);
          return { ...credentials, expiration: new Date(expiresAt) };
        },
      });
    clients.set(key, client);
    return client;
  }

  return {
    async forward(endpoint, operation, input, scope) {
      const Command = commands[`${operation}Command`];
      if (Command === undefined) throw new Error(`there is no command for ${operation}`);
      const leaving = new AbortController();
      try {
        const output = await clientOf(endpoint, scope).send(new Command(input), { abortSignal: leaving.signal });
        return 'responseStream' in output
          ? { ...output, responseStream: until(output.responseStream as AsyncIterable<unknown>, leaving) }
          : output;
      } catch (error) {
        if (error instanceof sdk.CloudWatchLogsServiceException && error.$metadata.httpStatusCode !== undefined)
          throw error;
        throw new OwnerAwayError((error as Error).message, { cause: error });
      }
    },
    close: () => {
      for (const client of clients.values()) client.destroy();
    },
  };
}

/** Whoever stops reading ends the request too. */
async function* until<T>(events: AsyncIterable<T>, leaving: AbortController): AsyncGenerator<T> {
  try {
    yield* events;
  } finally {
    leaving.abort();
  }
}
