/** The two operations of Session Manager that a client of ECS Exec calls at the endpoint that gave it its session. */
import type {
  ResumeSessionRequest,
  ResumeSessionResponse,
  TerminateSessionRequest,
  TerminateSessionResponse,
} from '@aws-sdk/client-ssm';
import { type ExecSessionSpec, newToken } from '../../core/exec/session.ts';
import { streamUrl } from '../ecs/execute-command/execute-command.ts';
import type { RequestContext } from '../operation.ts';
import type { SsmDeps } from './deps.ts';

/** A session that is over gets no token: its client then says that it timed out, and ends. */
export async function resumeSession(
  deps: SsmDeps,
  { SessionId = '' }: ResumeSessionRequest,
  context: RequestContext,
): Promise<ResumeSessionResponse> {
  const session = await ownSession(deps, SessionId, context);
  const token = newToken();
  if (!session || !(await deps.execSessions.renew(SessionId, token))) return { SessionId };
  return { SessionId, TokenValue: token, StreamUrl: streamUrl(context.origin, SessionId) };
}

export async function terminateSession(
  deps: SsmDeps,
  { SessionId = '' }: TerminateSessionRequest,
  context: RequestContext,
): Promise<TerminateSessionResponse> {
  const session = await ownSession(deps, SessionId, context);
  if (!session) return { SessionId };
  await deps.execSessions.end(SessionId);
  await deps.summon(session.worker, { type: 'terminate', sessionId: SessionId });
  return { SessionId };
}

/** undefined: there is no such session in the caller's account and region. */
async function ownSession(
  { execSessions }: SsmDeps,
  sessionId: string,
  { caller }: RequestContext,
): Promise<ExecSessionSpec | undefined> {
  const session = await execSessions.get(sessionId);
  return session?.accountId === caller.accountId && session.region === caller.region ? session : undefined;
}
