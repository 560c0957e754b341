/** A session from ExecuteCommand to its end, with our own client over real sockets; containers are simulated. */
import { DescribeTasksCommand, ExecuteCommandCommand } from '@aws-sdk/client-ecs';
import { TerminateSessionCommand } from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectRedis } from '../../core/redis.ts';
import { tokenLife } from '../../core/store/exec-session-store.ts';
import { stop } from '../lifecycle/support.ts';
import { eventually } from '../support/eventually.ts';
import { openSession } from './client.ts';
import { type ExecStack, startExecStack } from './support.ts';

const refused = /not found, or its token was used/;

describe('sessions', () => {
  let exec: ExecStack;
  let task: string;
  beforeAll(async () => {
    exec = await startExecStack();
    task = await exec.task();
  });
  afterAll(async () => await exec?.close());

  test('a terminal of the right size, input, a new size, the end', async () => {
    const client = await openSession({
      session: await exec.ask(task, "sh -c 'two words'"),
      size: { cols: 77, rows: 22 },
    });
    await client.until('sh -c two words\r\n');
    await client.until('77x22');
    client.type('grüße €\n');
    await client.until(Buffer.from('grüße €\n').toString('latin1'));
    client.resize(132, 43);
    await client.until('132x43');
    client.type('\x04');
    expect(await client.closed).toBe('');
    expect(await client.gone).toBe(1000);
  });

  test('the stream is where the client found the API', async () => {
    const session = await exec.ask(task);
    const { host } = new URL(exec.lifecycle.stack.endpoint);
    expect(session.sessionId).toMatch(/^ecs-execute-command-[a-z0-9]{26}$/);
    expect(session.streamUrl).toBe(
      `ws://${host}/_longshore/exec/v1/data-channel/${session.sessionId}?role=publish_subscribe`,
    );
    const ecs = await exec.lifecycle.stack.client();
    ecs.middlewareStack.add(
      (next) => async (args) => {
        (args.request as { headers: Record<string, string> }).headers['x-forwarded-proto'] = 'https';
        return await next(args);
      },
      { step: 'build' },
    );
    const answer = await ecs.send(new ExecuteCommandCommand({ task, command: 'sh', interactive: true }));
    expect(answer.session?.streamUrl).toMatch(`wss://${host}/`);
    expect(answer).toMatchObject({ containerName: 'c0', interactive: true, taskArn: task });
    expect(answer.clusterArn).toMatch(/cluster\/default$/);
  });

  test('much output arrives whole, also when acknowledgements are lost', async () => {
    const bytes = 3_000_000;
    let received = 0;
    const client = await openSession({
      session: await exec.ask(task, `output ${bytes}`),
      loses: (sequence, times) => sequence % 400 === 7 && times === 1,
      onOutput: (data) => {
        received += data.length;
      },
    });
    expect(await client.closed).toBe('');
    expect(received).toBe(bytes + `output ${bytes}\r\n`.length + '100x30\r\n'.length);
  });

  test('a client that does not read stops the command, and bounds what is kept', async () => {
    const client = await openSession({ session: await exec.ask(task, 'output 100000000') });
    await client.until('output');
    client.socket.pause();
    const before = process.memoryUsage().external;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(process.memoryUsage().external - before).toBeLessThan(60_000_000);
    client.socket.terminate();
  });

  test('input comes back whole', async () => {
    let received = 0;
    const client = await openSession({
      session: await exec.ask(task),
      onOutput: (data) => {
        received += data.length;
      },
    });
    await eventually('the terminal', () => (received > 0 ? true : undefined));
    const before = received;
    client.type(Buffer.alloc(4_000_000, 'y'));
    await eventually('all of it', () => (received === before + 4_000_000 ? true : undefined));
    client.type('\x04');
    expect(await client.closed).toBe('');
  });

  test('a lost connection is taken up again where it was', async () => {
    const session = await exec.ask(task);
    const first = await openSession({ session });
    await first.until('sh');
    first.type('one ');
    await first.until('one');
    first.socket.terminate();
    await first.gone;
    first.type('two ');
    const resumed = await exec.resume(session);
    if (!resumed) throw new Error('no token');
    const second = await openSession({ session: resumed, resumes: first });
    await second.until('one two');
    second.type('\x04');
    expect(await second.closed).toBe('');
    expect(second.text().match(/one/g)).toHaveLength(1);
    await eventually('the session to be forgotten', async () => ((await exec.resume(session)) ? undefined : true));
  });

  test('the newest connection counts', async () => {
    const session = await exec.ask(task);
    const first = await openSession({ session });
    await first.until('sh');
    const resumed = await exec.resume(session);
    if (!resumed) throw new Error('no token');
    const second = await openSession({ session: resumed, resumes: first });
    await first.gone;
    second.type('still here\x04');
    expect(await second.closed).toBe('');
    expect(second.text()).toContain('still here');
  });

  test('a token opens its session once, and no other', async () => {
    const session = await exec.ask(task);
    const other = await exec.ask(task);
    const wrong = await openSession({ session: { ...session, tokenValue: other.tokenValue } });
    expect(await wrong.closed).toMatch(refused);
    const right = await openSession({ session });
    await right.until('sh');
    const stolen = await openSession({ session });
    expect(await stolen.closed).toMatch(refused);
    const guessed = await openSession({ session: { ...session, tokenValue: '' } });
    expect(await guessed.closed).toMatch(refused);
    const resumed = await exec.resume(session);
    const newest = await exec.resume(session);
    if (!resumed || !newest) throw new Error('no token');
    const overtaken = await openSession({ session: resumed });
    expect(await overtaken.closed).toMatch(refused);
    right.type('\x04');
    expect(await right.closed).toBe('');
  });

  test('a token that is too old opens nothing', async () => {
    const session = await exec.ask(task);
    const { redisUrl, prefix } = exec.lifecycle.stack;
    const redis = connectRedis(redisUrl, { patience: 1, name: 'test' });
    const key = `${prefix}:exec-session:${session.sessionId}`;
    expect(Number(await redis.hget(key, 'tokenUntil'))).toBeLessThanOrEqual(Date.now() + tokenLife);
    await redis.hset(key, 'tokenUntil', Date.now() - 1);
    redis.disconnect();
    const late = await openSession({ session });
    expect(await late.closed).toMatch(refused);
    // Whoever may have a new one goes on.
    const client = await openSession({ session: (await exec.resume(session)) ?? {} });
    await client.until('sh');
    client.type('\x04');
    expect(await client.closed).toBe('');
  });

  test('a client that does not come back ends its command', async () => {
    const session = await exec.ask(task);
    const client = await openSession({ session });
    await client.until('sh');
    client.socket.terminate();
    await eventually('the session to be over', async () => ((await exec.resume(session)) ? undefined : true));
  });

  test('TerminateSession ends it, for its account alone', async () => {
    const session = await exec.ask(task);
    const client = await openSession({ session });
    await client.until('sh');
    await exec.ssm.send(new TerminateSessionCommand({ SessionId: session.sessionId }));
    expect(await client.closed).toBe('');
    expect(await exec.resume(session)).toBeUndefined();
  });

  test('a hundred at once, each with its own', { timeout: 30_000 }, async () => {
    const sessions = await Promise.all(Array.from({ length: 100 }, async () => await exec.ask(task)));
    const clients = await Promise.all(sessions.map(async (session) => await openSession({ session })));
    await Promise.all(
      clients.map(async (client, index) => {
        await client.until('sh');
        client.type(`number ${index};\x04`);
        expect(await client.closed).toBe('');
        expect(client.text()).toContain(`number ${index};`);
      }),
    );
  });

  test('a task that stops underneath', async () => {
    const arn = await exec.task();
    const client = await openSession({ session: await exec.ask(arn) });
    await client.until('sh');
    await stop(exec.lifecycle, arn);
    expect(await client.closed).toBe('The container has stopped.');
    const { tasks = [] } = await exec.lifecycle.ecs.send(new DescribeTasksCommand({ tasks: [arn] }));
    expect(tasks[0]?.containers?.[0]?.managedAgents?.[0]).toMatchObject({ name: 'ExecuteCommandAgent' });
  });
});

test('idle sessions end, and those in use do not', async () => {
  const exec = await startExecStack({ idleTimeout: 400 });
  try {
    const task = await exec.task();
    const client = await openSession({ session: await exec.ask(task) });
    await client.until('sh');
    for (let typed = 0; typed < 8; typed += 1) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      client.type(`${typed}`);
    }
    await client.until('01234567');
    expect(await client.closed).toBe('Your session timed out due to inactivity.');
  } finally {
    await exec.close();
  }
});

test('a worker that ends tells its clients', async () => {
  const exec = await startExecStack();
  try {
    const session = await exec.ask(await exec.task());
    const client = await openSession({ session });
    await client.until('sh');
    await exec.sessions.close();
    expect(await client.closed).toBe('Longshore is stopping.');
  } finally {
    await exec.close();
  }
});
