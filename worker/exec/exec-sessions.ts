/** All sessions of this worker: starts them when an API process calls, joins clients that come back, ends them. */
import { channelClosed } from '../../core/exec/agent-message.ts';
import type { ExecSessionSpec, Summons } from '../../core/exec/session.ts';
import type { ExecSessionStore } from '../../core/store/exec-session-store.ts';
import { dialApi } from './dial.ts';
import { type ExecSessionContext, type RunningExecSession, startExecSession } from './exec-session.ts';

export interface ExecSessions {
  answer(summons: Summons): void;
  /** Ends every session and what it runs. */
  close(): Promise<void>;
}

/** Milliseconds between two signs of life in Redis. */
const tendInterval = 60_000;
/** Of one container, as on AWS. */
const mostSessions = 1000;

export function createExecSessions(
  context: ExecSessionContext & { readonly store: Pick<ExecSessionStore, 'tend' | 'end'> },
): ExecSessions {
  const { store, log, after } = context;
  const sessions = new Map<string, { readonly spec: ExecSessionSpec; readonly running: RunningExecSession }>();
  let cancelTend = after(tendInterval, tend);
  let closing = false;

  function tend(): void {
    store
      .tend([...sessions.keys()])
      .catch((error: unknown) => log.debug({ err: error }, 'sessions could not be tended'));
    cancelTend = after(tendInterval, tend);
  }

  function start(spec: ExecSessionSpec): RunningExecSession {
    const running = startExecSession(context, spec);
    sessions.set(spec.sessionId, { spec, running });
    running.ended
      .finally(() => sessions.delete(spec.sessionId))
      .then(async () => await store.end(spec.sessionId))
      .catch((error: unknown) => log.warn({ err: error, session: spec.sessionId }, 'a session did not end well'));
    return running;
  }

  /** What a client is told that cannot have its session. */
  function refusal({ session, attachment }: Extract<Summons, { type: 'attach' }>): string | undefined {
    if (attachment > 1) return 'The session was lost. Start a new one.';
    const { taskId, container } = session;
    const others = [...sessions.values()].filter(({ spec }) => spec.taskId === taskId && spec.container === container);
    return others.length >= mostSessions
      ? `Unable to start new execute sessions because the maximum session limit of ${mostSessions} has been reached.`
      : undefined;
  }

  async function attach(summons: Extract<Summons, { type: 'attach' }>): Promise<void> {
    const link = await dialApi(summons, log);
    if (closing) return link.close();
    const known = sessions.get(summons.session.sessionId)?.running;
    const reason = known ? undefined : refusal(summons);
    if (reason !== undefined) {
      link.send(channelClosed(summons.session.sessionId, reason, context.clock()));
      link.close();
      return await store.end(summons.session.sessionId);
    }
    const running = known ?? start(summons.session);
    link.listen({ receive: running.receive, closed: () => running.detach(link) });
    running.attach(link);
  }

  return {
    answer(summons) {
      if (closing) return;
      if (summons.type === 'terminate') return sessions.get(summons.sessionId)?.running.end('');
      attach(summons).catch((error: unknown) => log.warn({ err: error }, 'could not join a session'));
    },
    async close() {
      closing = true;
      cancelTend();
      const all = [...sessions.values()];
      for (const { running } of all) running.end('Longshore is stopping.');
      await Promise.all(all.map(async ({ running }) => await running.ended));
    },
  };
}
