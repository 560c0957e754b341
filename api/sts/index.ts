/** The operations of STS, by name. There are no policies: whoever is in an account may assume every role of it. */
import { createHash } from 'node:crypto';
import type * as sts from '@aws-sdk/client-sts';
import type { AssumeRoleRequest, AssumeRoleResponse, Credentials, GetSessionTokenRequest } from '@aws-sdk/client-sts';
import { assumedRoleArn } from '../../core/assumed-role.ts';
import type { SessionCredentials, SessionIssuer } from '../../core/session-credentials.ts';
import { AwsError } from '../errors.ts';
import type { Caller, HandlersOf } from '../operation.ts';

export interface StsDeps {
  readonly sessions: SessionIssuer;
}

export function stsHandlers({ sessions }: StsDeps): HandlersOf<typeof sts> {
  return {
    GetCallerIdentity: async (_, { caller }) => ({
      UserId: userId(caller),
      Account: caller.accountId,
      Arn: caller.arn,
    }),
    AssumeRole: async (input, { caller }) => await assumeRole(sessions, input, caller),
    GetSessionToken: async (input, { caller }) => {
      refuseUnbuilt(input, ['SerialNumber', 'TokenCode']);
      if (sessionOf(caller)) throw accessDenied('Cannot call GetSessionToken with session credentials');
      const credentials = await sessions.issue(caller, sessionTokenSeconds(input, caller));
      return { Credentials: credentialsView(credentials) };
    },
  };
}

/** Seconds. */
const hour = 3600;

async function assumeRole(
  sessions: SessionIssuer,
  input: AssumeRoleRequest,
  caller: Caller,
): Promise<AssumeRoleResponse> {
  const { RoleArn: role = '', RoleSessionName: sessionName = '', DurationSeconds: seconds = hour } = input;
  refuseUnbuilt(input, [
    ...(['Policy', 'PolicyArns', 'Tags', 'TransitiveTagKeys'] as const),
    ...(['SerialNumber', 'TokenCode', 'SourceIdentity', 'ProvidedContexts'] as const),
  ]);
  const [, account] = /^arn:aws[\w-]*:iam::(\d{12}):role\/(?:[\w+=,.@-]+\/)*[\w+=,.@-]{1,64}$/.exec(role) ?? [];
  if (account === undefined) throw invalid(`${role} is invalid`);
  if (account !== caller.accountId)
    throw accessDenied(`User: ${caller.arn} is not authorized to perform: sts:AssumeRole on resource: ${role}`);
  if (sessionOf(caller) && seconds > hour)
    throw invalid('The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining');
  const arn = assumedRoleArn(caller, role, sessionName);
  const credentials = await sessions.issue({ accountId: caller.accountId, arn }, seconds);
  return {
    Credentials: credentialsView(credentials),
    AssumedRoleUser: { AssumedRoleId: userId({ ...caller, arn }), Arn: arn },
  };
}

/** Root's tokens last for an hour at most, others for half a day unless they ask for something else. */
function sessionTokenSeconds({ DurationSeconds }: GetSessionTokenRequest, { arn }: Caller): number {
  return arn.endsWith(':root') ? Math.min(DurationSeconds ?? hour, hour) : (DurationSeconds ?? 12 * hour);
}

function credentialsView(issued: SessionCredentials): Credentials {
  return {
    AccessKeyId: issued.accessKeyId,
    SecretAccessKey: issued.secretAccessKey,
    SessionToken: issued.sessionToken,
    Expiration: new Date(Math.floor(issued.expiresAt / 1000) * 1000),
  };
}

/** Name of the role and of the session, of those who assumed a role. */
function sessionOf({ arn }: Pick<Caller, 'arn'>): { readonly role: string; readonly name: string } | undefined {
  const [, role, name] = /:assumed-role\/([^/]+)\/(.+)$/.exec(arn) ?? [];
  return role === undefined || name === undefined ? undefined : { role, name };
}

/** The account for its root; else an id in IAM's form that follows from the ARN, as nothing stores users and roles. */
function userId(caller: Pick<Caller, 'arn' | 'accountId'>): string {
  const { arn, accountId } = caller;
  if (arn.endsWith(':root')) return accountId;
  const session = sessionOf(caller);
  return session ? `${uniqueId('AROA', accountId, session.role)}:${session.name}` : uniqueId('AIDA', accountId, arn);
}

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

function uniqueId(prefix: string, ...of: readonly string[]): string {
  const bytes = createHash('sha256').update(of.join('\n')).digest();
  return prefix + Array.from(bytes.subarray(0, 17), (byte) => letters[byte % 32]).join('');
}

/** What restricts a session cannot be ignored. */
function refuseUnbuilt<Input extends object>(input: Input, members: readonly (keyof Input & string)[]): void {
  const given = members.find((member) => {
    const value: unknown = input[member];
    return value !== undefined && !(Array.isArray(value) && value.length === 0);
  });
  if (given !== undefined) throw invalid(`Longshore does not support ${given} yet.`);
}

function invalid(message: string): AwsError {
  return new AwsError('ValidationError', message);
}

function accessDenied(message: string): AwsError {
  return new AwsError('AccessDenied', message, { status: 403 });
}
