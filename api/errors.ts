/** Errors that no SDK models, and the one place where whatever was thrown becomes what the caller is told. */

/** An error with an AWS code of its own; thrown where no SDK package has a class for it. */
export class AwsError extends Error {
  readonly code: string;
  /** HTTP status. */
  readonly status: number;
  constructor(code: string, message: string, options: { readonly status?: number; readonly cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'AwsError';
    this.code = code;
    this.status = options.status ?? 400;
  }
}

export function unknownOperation(): AwsError {
  return new AwsError('UnknownOperationException', 'The requested operation is not recognized by the service.');
}

export interface ErrorAnswer {
  readonly code: string;
  readonly message: string;
  readonly status: number;
  /** What was thrown, when the service models it: it may have members of its own to send. */
  readonly modelled?: Error;
  /** True when the fault is ours, so that it is logged. */
  readonly internal: boolean;
}

/** What an error's answer needs to know of a service. */
export interface ErrorModel {
  /** HTTP status of an exception that the service models; undefined: it does not. */
  errorStatus(name: string): number | undefined;
}

export function describeError(thrown: unknown, model: ErrorModel | undefined): ErrorAnswer {
  if (thrown instanceof AwsError)
    return { code: thrown.code, message: thrown.message, status: thrown.status, internal: thrown.status >= 500 };
  // The SDK's exceptions carry $fault, so that a plain Error of the same name stays an internal one.
  if (thrown instanceof Error && '$fault' in thrown) {
    const status = model?.errorStatus(thrown.name);
    if (status !== undefined)
      return { code: thrown.name, message: thrown.message, status, modelled: thrown, internal: status >= 500 };
  }
  const message = storeTrouble(thrown) ?? 'Service Unavailable. Please try again later.';
  return { code: 'ServerException', message, status: 500, internal: true };
}

const connectionCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
]);
const connectionMessages = /^(Connection is closed\.|Stream isn't writeable|Command timed out)/;
/** The store answers, but takes no commands: still loading, full, or a replica. */
const refusals = /^(LOADING|MISCONF|OOM|READONLY|CLUSTERDOWN|MASTERDOWN|NOREPLICAS)\b/;

/** A sentence for the caller when the state store is what failed. */
function storeTrouble(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error)) return undefined;
  if (thrown.name === 'ReplyError' && refusals.test(thrown.message))
    return 'The state store does not accept commands at the moment. Please try again later.';
  const failedCall =
    'syscall' in thrown && (thrown.syscall === 'connect' || thrown.syscall === 'read' || thrown.syscall === 'write');
  const unreachable =
    thrown.name === 'MaxRetriesPerRequestError' ||
    connectionMessages.test(thrown.message) ||
    (failedCall && 'code' in thrown && connectionCodes.has(String(thrown.code)));
  if (unreachable) return 'The state store is not reachable. Please try again later.';
  return thrown.cause === undefined ? undefined : storeTrouble(thrown.cause);
}
