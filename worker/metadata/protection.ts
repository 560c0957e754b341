/**
 * The agent's API for scale-in protection: calls ECS in the name of the task's role, as the ECS agent does.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection-endpoint.html
 */
import type { ECSClient, Failure, ProtectedTask } from '@aws-sdk/client-ecs';
import { taskArn } from '../../core/arn.ts';
import type { SessionCredentials } from '../../core/session-credentials.ts';
import type { TaskSpec } from '../../core/task.ts';
import { type Answer, json } from './answer.ts';

export interface ProtectionNeeds {
  /** Where the ECS API answers; absent: nowhere. */
  readonly endpoint: string | undefined;
  /** Of the task's role, for our own endpoint. */
  readonly credentials: () => Promise<SessionCredentials | undefined>;
}

/** Milliseconds that ECS may take, as the agent has it. */
const patience = 4000;

/** @param body of a PUT; undefined: a GET */
export async function taskProtection(
  spec: TaskSpec,
  needs: ProtectionNeeds,
  body: string | undefined,
): Promise<Answer> {
  const arn = taskArn(spec, spec.clusterName, spec.taskId);
  const request = body === undefined ? undefined : readRequest(body);
  if (request === 'malformed')
    return failed(400, '', 'InvalidParameterException', 'UpdateTaskProtection: failed to decode request');
  if (request && request.ProtectionEnabled === undefined)
    return failed(400, arn, 'InvalidParameterException', "Invalid request: does not contain 'ProtectionEnabled' field");
  const credentials = await needs.credentials();
  if (!credentials)
    return failed(
      403,
      arn,
      'AccessDeniedException',
      'Invalid Request: no task IAM role credentials available for task',
    );
  if (needs.endpoint === undefined) return failed(500, arn, 'ServerException', 'This worker knows no ECS endpoint.');
  const { ECSClient, GetTaskProtectionCommand, UpdateTaskProtectionCommand } = await import('@aws-sdk/client-ecs');
  const client = new ECSClient({ endpoint: needs.endpoint, region: spec.region, credentials });
  const which = { cluster: spec.clusterName, tasks: [arn] };
  const abortSignal = AbortSignal.timeout(patience);
  try {
    const { protectedTasks = [], failures = [] } = request
      ? await client.send(
          new UpdateTaskProtectionCommand({
            ...which,
            protectionEnabled: request.ProtectionEnabled,
            expiresInMinutes: request.ExpiresInMinutes,
          }),
          { abortSignal },
        )
      : await client.send(new GetTaskProtectionCommand(which), { abortSignal });
    return answerOf(arn, protectedTasks, failures);
  } catch (error) {
    return abortSignal.aborted
      ? failed(504, arn, 'RequestCanceled', 'Timed out calling ECS Task Protection API')
      : failureOf(arn, error);
  } finally {
    (client satisfies ECSClient).destroy();
  }
}

interface ProtectionRequest {
  readonly ProtectionEnabled?: boolean;
  readonly ExpiresInMinutes?: number;
}

/** As Go's decoder does it with unknown fields refused: names in any case, null as absent. */
function readRequest(body: string): ProtectionRequest | 'malformed' {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (error) {
    if (error instanceof SyntaxError) return 'malformed';
    throw error;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'malformed';
  const given = Object.entries(value).filter(([, each]) => each !== null);
  const fields = new Map(given.map(([name, each]) => [name.toLowerCase(), each as unknown]));
  const enabled = fields.get('protectionenabled');
  const minutes = fields.get('expiresinminutes');
  const known = [...fields.keys()].every((name) => name === 'protectionenabled' || name === 'expiresinminutes');
  if (!known || (enabled !== undefined && typeof enabled !== 'boolean')) return 'malformed';
  if (minutes !== undefined && !Number.isSafeInteger(minutes)) return 'malformed';
  return {
    ...(enabled !== undefined && { ProtectionEnabled: enabled }),
    ...(minutes !== undefined && { ExpiresInMinutes: Number(minutes) }),
  };
}

function answerOf(arn: string, tasks: readonly ProtectedTask[], failures: readonly Failure[]): Answer {
  const [failure] = failures;
  if (failure && failures.length === 1)
    return json(200, {
      failure: { Arn: failure.arn ?? null, Detail: failure.detail ?? null, Reason: failure.reason ?? null },
    });
  const [task] = tasks;
  if (!task || failures.length > 1 || tasks.length > 1)
    return failed(500, arn, 'ServerException', 'Unexpected error occurred');
  return json(200, {
    protection: {
      ExpirationDate: task.expirationDate?.toISOString().replace('.000Z', 'Z') ?? null,
      ProtectionEnabled: task.protectionEnabled ?? false,
      TaskArn: task.taskArn ?? null,
    },
  });
}

function failureOf(arn: string, error: unknown): Answer {
  if (!(error instanceof Error)) throw error;
  const { $metadata } = error as {
    readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string };
  };
  const status = $metadata?.httpStatusCode;
  if (status === undefined) return failed(500, arn, 'ServerException', error.message);
  return failed(status, arn, error.name, error.message, $metadata?.requestId);
}

function failed(status: number, arn: string, code: string, message: string, requestId?: string): Answer {
  return json(status, {
    ...(requestId !== undefined && { requestID: requestId }),
    error: { ...(arn !== '' && { Arn: arn }), Code: code, Message: message },
  });
}
