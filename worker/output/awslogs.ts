/** The awslogs driver: a container's output in a log stream of CloudWatch Logs. */
import type { CloudWatchLogsClient, CloudWatchLogsServiceException } from '@aws-sdk/client-cloudwatch-logs';
import { ResourceError } from '../resource-error.ts';
import { PermanentError, type Sink } from './sink.ts';

/** Loads the SDK when the first container needs it. */
export type LogsClient = () => Promise<CloudWatchLogsClient>;

export interface LogDestination {
  readonly client: LogsClient;
  readonly group: string;
  readonly stream: string;
  /** The group is made when there is none. */
  readonly createGroup: boolean;
}

/** Bytes of an event; longer lines are cut, as the driver of Docker and Fargate does. */
const longestMessage = 262_118;

/** CloudWatch Logs refuses what is older than 14 days or more than two hours ahead; less, because time goes on. */
const hour = 3_600_000;
const window = { before: (14 * 24 - 1) * hour, after: hour };

/** What trying again cannot mend. */
const permanent = new Set([
  'InvalidParameterException',
  'InvalidOperationException',
  'ResourceNotFoundException',
  'AccessDeniedException',
  'ValidationException',
  'SerializationException',
]);

export function isServiceError(error: unknown): error is CloudWatchLogsServiceException {
  return error instanceof Error && '$fault' in error;
}

/**
 * Makes the stream, and the group if that is wanted; what exists is a success.
 * @throws ResourceError in Fargate's words when it cannot be had; anything else may be tried again
 */
export async function createDestination(
  { client, group: logGroupName, stream: logStreamName, createGroup }: LogDestination,
  signal: AbortSignal,
): Promise<void> {
  const { CreateLogGroupCommand, CreateLogStreamCommand } = await import('@aws-sdk/client-cloudwatch-logs');
  const logs = await client();
  const send = { abortSignal: signal };
  try {
    if (createGroup) await unlessExists(logs.send(new CreateLogGroupCommand({ logGroupName }), send));
    await unlessExists(logs.send(new CreateLogStreamCommand({ logGroupName, logStreamName }), send));
  } catch (error) {
    if (isServiceError(error) && permanent.has(error.name)) throw new ResourceError(refusal(error));
    throw error;
  }
}

/** Fargate's sentence. */
export function refusal(error: Error): string {
  return `failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: ${error.name}: ${error.message} : exit status 1`;
}

async function unlessExists(made: Promise<unknown>): Promise<void> {
  try {
    await made;
  } catch (error) {
    if (!(isServiceError(error) && error.name === 'ResourceAlreadyExistsException')) throw error;
  }
}

export function awslogsSink(destination: LogDestination, rejected: (count: number) => void): Sink {
  const { client, group: logGroupName, stream: logStreamName } = destination;
  return {
    batch: { events: 10_000, bytes: 1_048_576, overhead: 26, span: 23 * hour },
    window,
    longestMessage,

    async deliver(events, signal) {
      const { PutLogEventsCommand } = await import('@aws-sdk/client-cloudwatch-logs');
      const logEvents = events.map(({ timestamp, message }) => ({ timestamp, message }));
      const command = new PutLogEventsCommand({ logGroupName, logStreamName, logEvents });
      try {
        const { rejectedLogEventsInfo: info } = await (await client()).send(command, { abortSignal: signal });
        if (info) {
          const end = Math.max(info.tooOldLogEventEndIndex ?? 0, info.expiredLogEventEndIndex ?? 0);
          rejected(end + events.length - (info.tooNewLogEventStartIndex ?? events.length));
        }
      } catch (error) {
        if (!isServiceError(error) || !permanent.has(error.name)) throw error;
        if (error.name !== 'ResourceNotFoundException') throw new PermanentError(error.message, { cause: error });
        // Somebody deleted it while the container runs.
        await createDestination(destination, signal).catch((reason: unknown) => {
          throw reason instanceof ResourceError ? new PermanentError(reason.message, { cause: reason }) : reason;
        });
        throw error;
      }
    },

    async countBetween(startTime, last, enough, signal) {
      const { GetLogEventsCommand } = await import('@aws-sdk/client-cloudwatch-logs');
      const logs = await client();
      let count = 0;
      let nextToken: string | undefined;
      for (;;) {
        const { events = [], nextForwardToken } = await logs
          .send(
            new GetLogEventsCommand({
              logGroupName,
              logStreamName,
              startTime,
              // Is not included itself.
              endTime: last + 1,
              startFromHead: true,
              limit: Math.min(enough, 10_000),
              nextToken,
            }),
            { abortSignal: signal },
          )
          .catch((error: unknown) => {
            if (isServiceError(error) && error.name === 'ResourceNotFoundException')
              return { events: [], nextForwardToken: undefined };
            throw error;
          });
        count += events.length;
        if (count >= enough || nextForwardToken === undefined || nextForwardToken === nextToken) return count;
        nextToken = nextForwardToken;
      }
    },

    close: () => {},
  };
}
