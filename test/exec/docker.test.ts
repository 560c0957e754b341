/** Sessions in real containers with API and worker in processes of their own: what stays, what ends, what survives a kill. */
import { createHash, randomBytes } from 'node:crypto';
import { ExecuteCommandCommand, type Session } from '@aws-sdk/client-ecs';
import { ResumeSessionCommand, SSMClient, TerminateSessionCommand } from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { engineMissing, makeBusyboxImage, type TestImage } from '../runtime/images.ts';
import { eventually } from '../support/eventually.ts';
import { nothingLeft } from '../support/leftovers.ts';
import { createInstance, type Instance, type RoleProcess } from '../support/processes.ts';
import { createDefaultCluster, register, run, stop, until, untilStopped } from '../support/tasks.ts';
import { openSession, type SessionClient } from './client.ts';
import { awsMissing, executeCommandByCli } from './plugin.ts';

const missing = await engineMissing();
const noPlugin = await awsMissing();

describe.skipIf(missing !== undefined)(`ECS Exec on Docker ${missing ?? ''}`, () => {
  let instance: Instance;
  let image: TestImage;
  let api: RoleProcess;
  let worker: RoleProcess;
  let ssm: SSMClient;
  let task: string;

  beforeAll(async () => {
    image = await makeBusyboxImage(`longshore-test-${randomBytes(4).toString('hex')}`, '1');
    instance = await createInstance({ runtime: 'docker', settings: { LONGSHORE_EXEC_RESUME_WITHIN: '1' } });
    [api, worker] = await Promise.all([instance.startApi(), instance.startWorker()]);
    const ecs = instance.client();
    await createDefaultCluster(ecs);
    ssm = new SSMClient({
      endpoint: instance.endpoint,
      region: 'us-east-1',
      credentials: await ecs.config.credentials(),
      maxAttempts: 10,
    });
    const command = ['sh', '-c', 'trap "exit 0" TERM; while true; do sleep 1000 & wait; done'];
    const app = { image: image.name, user: '1000', environment: { LANG: 'de_DE', WHO: 'app' }, command };
    await register(ecs, 'app', [app], { taskRoleArn: 'arn:aws:iam::000000000000:role/web' });
    [task = ''] = await run(ecs, 'app', { enableExecuteCommand: true });
    await until(ecs, [task], 'RUNNING');
  });
  afterAll(async () => {
    ssm?.destroy();
    if (instance) await nothingLeft(instance).finally(instance.close);
    await image?.remove();
  });

  const ask = async (command = 'sh'): Promise<Session> => {
    const input = { task, command, interactive: true };
    return (await instance.client({ maxAttempts: 10 }).send(new ExecuteCommandCommand(input))).session ?? {};
  };
  const open = async (command?: string): Promise<SessionClient> => await openSession({ session: await ask(command) });
  const resume = async (session: Session): Promise<Session | undefined> => {
    const { TokenValue } = await ssm.send(new ResumeSessionCommand({ SessionId: session.sessionId }));
    return TokenValue === undefined ? undefined : { ...session, tokenValue: TokenValue };
  };
  const processes = async (): Promise<string> => {
    const client = await open('ps -o args');
    await client.closed;
    return client.text();
  };
  const running = async (...words: readonly string[]) =>
    await eventually(`${words} to run`, async () => {
      const all = await processes();
      return words.every((each) => all.includes(each)) ? true : undefined;
    });
  const ended = async (words: string) =>
    await eventually(`"${words}" to be gone`, async () => ((await processes()).includes(words) ? undefined : true));

  test('a terminal, as root, with the container’s variables, of the client’s size', async () => {
    const session = await ask();
    const client = await openSession({ session, size: { cols: 91, rows: 27 } });
    await client.until('# ');
    client.type(
      '/bin/busybox stty -echo; echo "$(/bin/busybox id -u) $WHO $LANG $TERM" "$(/bin/busybox tty)"; /bin/busybox stty size\n',
    );
    await client.until(/0 app de_DE xterm-256color \/dev\/pts\/\d+\r\n27 91\r\n/);
    client.resize(132, 43);
    client.type('until [ "$(/bin/busybox stty size)" = "43 132" ]; do sleep 0.05; done; echo resized\n');
    await client.until('resized');
    client.type('sleep 3210\n');
    await running('sleep 3210');
    client.type('\x03');
    // No key is the engine's own.
    client.type('echo "still $?" \x10\n');
    await client.until('still 130 \x10');
    client.type('exit 7\n');
    expect(await client.closed).toBe('');
  });

  test('a command that is not there', async () => {
    const client = await open('/no/such/command');
    expect(await client.closed).toMatch(/Unable to start command: .*"\/no\/such\/command".*no such file or directory/s);
    expect(client.text()).toBe('');
  });

  test('24 MB each way arrive whole', async () => {
    const bytes = 24 * 2 ** 20;
    const hash = createHash('sha256');
    let received = 0;
    const sender = await openSession({
      session: await ask(
        `sh -c '/bin/busybox stty raw -opost; /bin/busybox head -c ${bytes} /dev/urandom | /bin/busybox tee /tmp/random'`,
      ),
      onOutput: (data) => {
        hash.update(data);
        received += data.length;
      },
    });
    expect(await sender.closed).toBe('');
    expect(received).toBe(bytes);
    const digest = hash.digest('hex');
    const check = await open('/bin/busybox sha256sum /tmp/random');
    expect(await check.closed).toBe('');
    expect(check.text()).toContain(digest);

    const reader = await open(
      `sh -c '/bin/busybox stty raw -echo; echo now; /bin/busybox head -c ${bytes} | /bin/busybox sha256sum; rm /tmp/random'`,
    );
    await reader.until('now');
    const data = Buffer.alloc(bytes, 'abcdefgh');
    reader.type(data);
    await reader.until(createHash('sha256').update(data).digest('hex'));
    await reader.closed;
  });

  test('a client that is killed, and TerminateSession, end the shell with its jobs', async () => {
    const client = await open();
    client.type('sleep 4321 & sleep 5432\n');
    await running('4321', '5432');
    client.socket.terminate();
    await ended('4321');
    await ended('5432');
    const session = await ask();
    const other = await openSession({ session });
    other.type('set -m; sleep 6543\n');
    await running('sleep 6543');
    await ssm.send(new TerminateSessionCommand({ SessionId: session.sessionId }));
    expect(await other.closed).toBe('');
    await ended('6543');
  });

  test.skipIf(noPlugin !== undefined)(`the AWS CLI with AWS's own plugin ${noPlugin ?? ''}`, async () => {
    const cli = executeCommandByCli(instance, task, '/bin/sh');
    await cli.until('# ');
    cli.type('/bin/busybox stty -echo; /bin/busybox stty size; echo "grüße $((40 + 2))"\n');
    await cli.until('grüße 42');
    cli.type('sleep 7654\n');
    await running('sleep 7654');
    // The plugin sends the key from a signal handler, so that what is typed at once may come before it.
    const typed = cli.text().length;
    cli.type('\x03');
    await cli.until('# ', typed);
    cli.type('echo "then $?"\n');
    await cli.until('then 130');
    cli.type('exit 3\n');
    await cli.ended;
    expect(cli.text()).toContain('Exiting session with sessionId: ecs-execute-command-');
    const none = executeCommandByCli(instance, task, '/no/such/command');
    await none.ended;
    expect(none.text()).toContain('Unable to start command');
  });

  test('the API is killed: the client comes back and the shell has not noticed', async () => {
    // Of an API that comes back in time.
    await worker.stop();
    worker = await instance.startWorker({ LONGSHORE_EXEC_RESUME_WITHIN: '60' });
    const session = await ask();
    const first = await openSession({ session });
    first.type('kept=yes; echo ready $kept\n');
    await first.until('ready yes');
    await api.kill();
    await first.gone;
    api = await instance.startApi();
    const resumed = await resume(session);
    if (!resumed) throw new Error('no token');
    const second = await openSession({ session: resumed, resumes: first });
    second.type('echo "again $kept"; exit\n');
    await second.until('again yes');
    expect(await second.closed).toBe('');
  });

  test('the worker is killed: nothing stays in the container, and the client learns that its session is lost', async () => {
    const session = await ask();
    const client = await openSession({ session });
    client.type('sleep 8765 & sleep 9876\n');
    await running('8765', '9876');
    await worker.kill();
    await client.gone;
    await expect(client.closed).rejects.toThrow('connection ended');
    worker = await instance.startWorker();
    await ended('8765');
    await ended('9876');
    const resumed = await resume(session);
    if (!resumed) throw new Error('no token');
    const again = await openSession({ session: resumed, resumes: client });
    expect(await again.closed).toBe('The session was lost. Start a new one.');
    expect(await resume(session)).toBeUndefined();
  });

  test('the task is stopped underneath', async () => {
    const client = await open();
    await client.until('# ');
    await stop(instance.client(), task);
    await untilStopped(instance.client(), task);
    expect(await client.closed).toBe('The container has stopped.');
  });
});
