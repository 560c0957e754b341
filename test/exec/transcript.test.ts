/** Sessions written down: in log groups through the API's own CloudWatch Logs, in buckets of something like S3. */
import { createServer, type Server } from 'node:http';
import { CloudWatchLogsClient, CreateLogGroupCommand, GetLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { UpdateClusterCommand } from '@aws-sdk/client-ecs';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTranscripts, type OpenTranscript, TranscriptError } from '../../worker/exec/transcript.ts';
import { bucketTranscripts } from '../../worker/exec/transcript-bucket.ts';
import { lineTranscript, logGroupTranscripts } from '../../worker/exec/transcript-logs.ts';
import { createLogsClients } from '../../worker/output/logs-clients.ts';
import { setVariables } from '../support/environment.ts';
import { openSession } from './client.ts';
import { type ExecStack, startExecStack } from './support.ts';

describe('transcripts', () => {
  let exec: ExecStack;
  let logs: CloudWatchLogsClient;
  let bucket: Bucket;
  let clients: ReturnType<typeof createLogsClients>;
  let task: string;
  let open: OpenTranscript;
  let restore: () => void;

  beforeAll(async () => {
    bucket = await startBucket();
    exec = await startExecStack({ openTranscript: async (session) => await open(session) });
    const { stack } = exec.lifecycle;
    clients = createLogsClients({
      elsewhere: undefined,
      own: stack.endpoint,
      sessions: stack.sessions,
      sessionName: 'ecs-execute-command',
      attempts: 3,
    });
    const places = [logGroupTranscripts(clients, Date.now), bucketTranscripts(bucket.endpoint)];
    open = createTranscripts(places, pino({ level: 'silent' }));
    logs = new CloudWatchLogsClient({ endpoint: stack.endpoint, region: 'us-east-1', credentials: await stack.key() });
    for (const logGroupName of ['/app', '/exec']) await logs.send(new CreateLogGroupCommand({ logGroupName }));
    restore = setVariables({ AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE', AWS_SECRET_ACCESS_KEY: 'secret' });
    const log = (group: string) => ({
      logDriver: 'awslogs' as const,
      options: { 'awslogs-group': group, 'awslogs-region': 'us-east-1', 'awslogs-stream-prefix': 'app' },
    });
    task = await exec.task({ logConfiguration: log('/app') }, { logConfiguration: log('/gone') });
  });
  afterAll(async () => {
    restore?.();
    logs?.destroy();
    clients?.close();
    await exec?.close();
    await bucket?.close();
  });

  const configure = async (executeCommandConfiguration: object) => {
    const configuration = { executeCommandConfiguration };
    await exec.lifecycle.ecs.send(new UpdateClusterCommand({ cluster: 'default', configuration }));
  };
  const written = async (logGroupName: string, logStreamName: string) => {
    const request = new GetLogEventsCommand({ logGroupName, logStreamName, startFromHead: true });
    return (await logs.send(request)).events?.map(({ message }) => message);
  };
  const talk = async (container: string) => {
    const session = await exec.ask(task, 'sh', { container });
    const client = await openSession({ session });
    await client.until('100x30');
    client.type('grüße\r\n\r\nlast\x04');
    return { id: session.sessionId ?? '', closed: await client.closed };
  };

  test('the container’s own log group, by default', async () => {
    const { id, closed } = await talk('c0');
    expect(closed).toBe('');
    expect(await written('/app', id)).toEqual(['sh', '100x30', 'grüße', 'last']);
    // One that is not there stops nobody, as nobody has chosen it for this.
    expect((await talk('c1')).closed).toBe('');
  });

  test('a group and a bucket of the cluster’s choice', async () => {
    const logConfiguration = { cloudWatchLogGroupName: '/exec', s3BucketName: 'sessions', s3KeyPrefix: 'all/' };
    await configure({ logging: 'OVERRIDE', logConfiguration });
    const { id, closed } = await talk('c0');
    expect(closed).toBe('');
    expect(await written('/exec', id)).toEqual(['sh', '100x30', 'grüße', 'last']);
    expect(bucket.objects.get(`/sessions/all/${id}.log`)).toContain('100x30\r\ngrüße\r\n\r\nlast');
  });

  test.each([
    [{ cloudWatchLogGroupName: '/none' }, /log group \/none.*ResourceNotFoundException/],
    [
      { cloudWatchLogGroupName: '/exec', cloudWatchEncryptionEnabled: true },
      /encryption is not set up on the selected CloudWatch/,
    ],
    [{ s3BucketName: 'none' }, /S3 bucket none/],
    [
      { s3BucketName: 'sessions', s3EncryptionEnabled: true },
      /encryption is not set up on the selected Amazon S3 bucket/,
    ],
  ])('%j refuses the session', async (logConfiguration, words) => {
    await configure({ logging: 'OVERRIDE', logConfiguration });
    const client = await openSession({ session: await exec.ask(task, 'sh', { container: 'c0' }) });
    expect(await client.closed).toMatch(words);
    expect(client.text()).toBe('');
  });
});

test('a bucket without an S3 endpoint is refused in words', async () => {
  const place = bucketTranscripts(undefined);
  const session = {
    accountId: '000000000000',
    region: 'us-east-1',
    sessionId: 's',
    taskId: 't',
    worker: 'w',
    container: 'c',
    command: [],
  };
  await expect(place(session, { bucket: 'b', required: true })).rejects.toThrow('LONGSHORE_S3_ENDPOINT');
});

test('lines go out in order, cut where they are too long, and a failure is told once more', async () => {
  const calls: string[][] = [];
  let broken = false;
  const transcript = lineTranscript({
    clock: Date.now,
    asError: (error) => new TranscriptError(String(error)),
    put: async (events) => {
      if (broken) throw new Error('full');
      calls.push(events.map(({ message = '' }) => message));
    },
  });
  await transcript.write(Buffer.from('one\ntw'));
  await transcript.write(Buffer.from('o\r\n'));
  await transcript.write(Buffer.alloc(300_000, 'x'));
  for (let index = 0; index < 12_000; index += 1) await transcript.write(Buffer.from(`${index}\n`));
  await transcript.write(Buffer.alloc(100_000, 'y\n'));
  broken = true;
  await transcript.write(Buffer.from('lost\n'));
  await expect(transcript.close()).rejects.toThrow('full');
  const all = calls.flat();
  expect(all.slice(0, 2)).toEqual(['one', 'two']);
  expect(all.filter((line) => /^x+\d?$/.test(line)).join('').length).toBe(300_001);
  expect(Math.max(...calls.map(({ length }) => length))).toBeLessThanOrEqual(10_000);
  expect(all.every((line) => line.length <= 128 * 1024)).toBe(true);
});

interface Bucket {
  readonly endpoint: string;
  readonly objects: Map<string, string>;
  close(): Promise<void>;
}

/** As much of S3 as takes objects into one bucket, `sessions`. */
async function startBucket(): Promise<Bucket> {
  const objects = new Map<string, string>();
  const server: Server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const path = decodeURI((request.url ?? '').replace(/\?.*/, ''));
    if (!path.startsWith('/sessions') || request.url?.includes('encryption')) response.writeHead(404);
    else if (request.method === 'PUT') objects.set(path, Buffer.concat(chunks).toString());
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    endpoint: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`,
    objects,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
