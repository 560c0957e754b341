import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseEnvironmentFile } from '../../worker/environment-files.ts';
import { type SecretStack, startSecretStack, startTinyServer, type TinyServer } from './support.ts';

/** By path: `/bucket/key`. */
const objects = new Map<string, string | Buffer>();
const asked: string[] = [];
let s3: TinyServer;
let stack: SecretStack;
const before = { ...process.env };

beforeAll(async () => {
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'example' });
  s3 = await startTinyServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '', 'http://s3').pathname);
    asked.push(`${request.method} ${path} ${/Credential=[^,]+/.exec(request.headers.authorization ?? '')?.[0]}`);
    const body = objects.get(path);
    if (body !== undefined) response.writeHead(200, { 'content-type': 'text/plain' }).end(body);
    else
      response
        .writeHead(404, { 'content-type': 'application/xml' })
        .end('<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>');
  });
  stack = await startSecretStack({ settings: { s3Endpoint: s3.endpoint } });
});
afterAll(async () => {
  await stack?.close();
  await s3?.close();
  process.env = before;
});

const file = (path: string) => ({ type: 's3' as const, value: `arn:aws:s3:::${path}` });
const environmentOf = () => stack.created.at(-1)?.environment;

describe('environmentFiles', () => {
  it('give variables: what the definition says beats them, an earlier file beats a later one', async () => {
    objects.set('/configs/a b/one.env', 'SHARED=one\nONLY_ONE=1\nOWN=file\n');
    objects.set('/configs/two.env', 'SHARED=two\nONLY_TWO=2\nAWS_REGION=eu-central-1\n');
    const task = await stack.run([
      {
        environmentFiles: [file('configs/a b/one.env'), file('configs/two.env')],
        environment: [{ name: 'OWN', value: 'definition' }],
      },
    ]);
    expect(task.lastStatus).toBe('RUNNING');
    expect(environmentOf()).toMatchObject({
      SHARED: 'one',
      ONLY_ONE: '1',
      ONLY_TWO: '2',
      OWN: 'definition',
      AWS_REGION: 'eu-central-1',
    });
    expect(asked.filter((line) => line.startsWith('GET /configs/a b/one.env'))).toHaveLength(1);
    expect(asked.at(-1)).toMatch(/Credential=AKIDEXAMPLE\/\d{8}\/us-east-1\/s3\/aws4_request/);
    expect(JSON.stringify(task)).not.toContain('ONLY_ONE');
  });

  it('are replaced by an override, and beaten by its environment', async () => {
    objects.set('/configs/base.env', 'FROM=base\n');
    objects.set('/configs/other.env', 'FROM=other\nMORE=other\n');
    await stack.run([{ environmentFiles: [file('configs/base.env')] }], {
      containerOverrides: [
        {
          name: 'app',
          environmentFiles: [file('configs/other.env')],
          environment: [{ name: 'MORE', value: 'override' }],
        },
      ],
    });
    expect(environmentOf()).toMatchObject({ FROM: 'other', MORE: 'override' });
  });

  it('stop the task when one cannot be had', async () => {
    const task = await stack.run([{ environmentFiles: [file('configs/none.env')] }]);
    expect(task).toMatchObject({ lastStatus: 'STOPPED', stopCode: 'TaskFailedToStart' });
    expect(task.stoppedReason).toBe(
      'ResourceInitializationError: failed to download env files: file download command: non empty error stream: arn:aws:s3:::configs/none.env: service call has been retried 0 time(s): NoSuchKey: The specified key does not exist.',
    );
  });

  it('stop the task when they are endless', async () => {
    objects.set('/configs/huge.env', Buffer.alloc(10 * 2 ** 20 + 1, 'a'));
    const task = await stack.run([{ environmentFiles: [file('configs/huge.env')] }]);
    expect(task.stoppedReason).toContain('the file is longer than 10485760 bytes');
  });
});

describe('the syntax of a file', () => {
  it.each([
    ['quotes, spaces and dollars are part of the value', 'A="b c" $D ', [['A', '"b c" $D ']]],
    ['only the first equals sign separates', 'URL=http://h/?a=b', [['URL', 'http://h/?a=b']]],
    ['comments and blank lines are passed over', '# A=1\n\nB=2\n#C', [['B', '2']]],
    ['what has no name or no value is passed over', '=x\nA=\nB\nC=3', [['C', '3']]],
    [
      'line ends may be those of Windows',
      'A=1\r\nB=2\r\n',
      [
        ['A', '1'],
        ['B', '2'],
      ],
    ],
    ['the last of two counts', 'A=1\nA=2', [['A', '2']]],
    ['text is UTF-8', 'GRÜSSE=grüß dich', [['GRÜSSE', 'grüß dich']]],
  ])('%s', (_what, text, variables) => {
    expect([...parseEnvironmentFile(text)]).toEqual(variables);
  });
});
