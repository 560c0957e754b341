/** The API and a worker in this process with sessions of ECS Exec; time for tasks is by hand, for sessions it is real. */
import { ExecuteCommandCommand, type ExecuteCommandCommandInput, type Session } from '@aws-sdk/client-ecs';
import { ResumeSessionCommand, SSMClient } from '@aws-sdk/client-ssm';
import { pino } from 'pino';
import { systemAfter } from '../../core/clock.ts';
import { answerSummons } from '../../core/exec/summons.ts';
import { connectRedis } from '../../core/redis.ts';
import { taskKey } from '../../core/task.ts';
import { createExecSessions, type ExecSessions } from '../../worker/exec/exec-sessions.ts';
import { noTranscript, type OpenTranscript } from '../../worker/exec/transcript.ts';
import {
  is,
  type Lifecycle,
  type LifecycleOptions,
  run,
  startLifecycle,
  type TestContainer,
  until,
} from '../lifecycle/support.ts';

export interface ExecStack {
  readonly lifecycle: Lifecycle;
  readonly sessions: ExecSessions;
  readonly ssm: SSMClient;
  /** A running task that commands may be run in. */
  task(...containers: readonly Partial<TestContainer>[]): Promise<string>;
  /** A session that nobody has opened yet. */
  ask(task: string, command?: string, rest?: Partial<ExecuteCommandCommandInput>): Promise<Session>;
  /** What a plugin does that has lost its connection; undefined: the session is over. */
  resume(session: Session): Promise<Session | undefined>;
  close(): Promise<void>;
}

export interface ExecStackOptions extends LifecycleOptions {
  readonly idleTimeout?: number;
  readonly resumeWithin?: number;
  readonly openTranscript?: OpenTranscript;
}

export const roleArn = 'arn:aws:iam::000000000000:role/web';

export async function startExecStack(options: ExecStackOptions = {}): Promise<ExecStack> {
  const lifecycle = await startLifecycle(options);
  const { stack } = lifecycle;
  const sessions = createExecSessions({
    driver: lifecycle.worker.driver,
    store: stack.execSessions,
    clock: Date.now,
    after: systemAfter,
    log: pino({ level: process.env.LONGSHORE_TEST_LOG ?? 'silent' }),
    idleTimeout: options.idleTimeout ?? 60_000,
    resumeWithin: options.resumeWithin ?? 500,
    openTranscript: options.openTranscript ?? noTranscript,
    container: (session) => lifecycle.worker.runners.handle(taskKey(session), session.container),
  });
  const calls = connectRedis(stack.redisUrl, { patience: null, name: 'calls' });
  await answerSummons(calls, { prefix: stack.prefix, worker: 'w1' }, sessions.answer);
  const ssm = new SSMClient({ endpoint: stack.endpoint, region: 'us-east-1', credentials: await stack.key() });
  return {
    lifecycle,
    sessions,
    ssm,
    async task(...containers) {
      const named = (containers.length > 0 ? containers : [{}]).map((rest, index) => ({ name: `c${index}`, ...rest }));
      const arn = await run(
        lifecycle,
        named,
        { enableExecuteCommand: true },
        { taskRoleArn: roleArn, executionRoleArn: roleArn },
      );
      await until(lifecycle, arn, is('RUNNING'));
      return arn;
    },
    async ask(task, command = 'sh', rest = {}) {
      const answer = await lifecycle.ecs.send(new ExecuteCommandCommand({ task, command, interactive: true, ...rest }));
      if (!answer.session) throw new Error('ExecuteCommand answered no session.');
      return answer.session;
    },
    async resume(session) {
      const { TokenValue } = await ssm.send(new ResumeSessionCommand({ SessionId: session.sessionId }));
      return TokenValue === undefined ? undefined : { ...session, tokenValue: TokenValue };
    },
    async close() {
      await sessions.close();
      calls.disconnect();
      ssm.destroy();
      await lifecycle.close();
    },
  };
}
