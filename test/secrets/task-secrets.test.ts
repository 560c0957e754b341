import { randomUUID } from 'node:crypto';
import { DescribeTaskDefinitionCommand, ListTaskDefinitionsCommand } from '@aws-sdk/client-ecs';
import { CreateSecretCommand, DeleteSecretCommand, PutSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { PutParameterCommand } from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { type SecretStack, startSecretStack } from './support.ts';

const failed =
  'ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: ';
let stack: SecretStack;

beforeAll(async () => {
  stack = await startSecretStack();
});
afterAll(async () => await stack?.close());

const putParameter = async (Name: string, Value: string, more = {}) => {
  await stack.ssm.send(new PutParameterCommand({ Name, Value, Type: 'SecureString', ...more }));
  return `arn:aws:ssm:us-east-1:000000000000:parameter/${Name.replace(/^\//, '')}`;
};
const createSecret = async (SecretString: string) => {
  const { ARN = '', VersionId = '' } = await stack.secretsManager.send(
    new CreateSecretCommand({ Name: `secret/${randomUUID()}`, SecretString }),
  );
  return { arn: ARN, versionId: VersionId };
};
const environmentOf = () => stack.created.at(-1)?.environment;

describe('secrets of containers', () => {
  it('come from both services, in every form of valueFrom', async () => {
    const plain = await putParameter('task-plain', 'first');
    await putParameter('task-plain', 'second', { Overwrite: true });
    await putParameter('/task/path', 'pä\nth');
    const { arn, versionId } = await createSecret(JSON.stringify({ user: 'u', port: 5432, on: true, deep: { a: 1 } }));
    await stack.secretsManager.send(new PutSecretValueCommand({ SecretId: arn, SecretString: '{"user":"new"}' }));
    const secrets = Object.entries({
      NAME: 'task-plain',
      VERSION: 'task-plain:1',
      ARN: plain,
      ARN_VERSION: `${plain}:1`,
      PATH_NAME: '/task/path',
      WHOLE: arn,
      PARTIAL: arn.slice(0, -7),
      KEY: `${arn}:user::`,
      PREVIOUS: `${arn}:user:AWSPREVIOUS:`,
      VERSION_ID: `${arn}:user::${versionId}`,
      PORT: `${arn}:port:AWSPREVIOUS:`,
      FLAG: `${arn}:on:AWSPREVIOUS:`,
      DEEP: `${arn}:deep:AWSPREVIOUS:`,
    }).map(([name, valueFrom]) => ({ name, valueFrom }));
    const task = await stack.run([{ secrets, environment: [{ name: 'PLAIN', value: 'p' }] }]);
    expect(task.lastStatus).toBe('RUNNING');
    expect(environmentOf()).toMatchObject({
      PLAIN: 'p',
      NAME: 'second',
      VERSION: 'first',
      ARN: 'second',
      ARN_VERSION: 'first',
      PATH_NAME: 'pä\nth',
      WHOLE: '{"user":"new"}',
      PARTIAL: '{"user":"new"}',
      KEY: 'new',
      PREVIOUS: 'u',
      VERSION_ID: 'u',
      PORT: '5432',
      FLAG: 'true',
      DEEP: '{"a":1}',
    });
  });

  it('come in any number, each fetched once', async () => {
    const { arn } = await createSecret('{"k":"v"}');
    const names = Array.from({ length: 23 }, (_, index) => `bulk-${index}`);
    for (const name of names) await putParameter(name, `value of ${name}`);
    const secrets = names.map((name) => ({ name: name.toUpperCase(), valueFrom: name }));
    await stack.run([
      { name: 'one', secrets: [...secrets, { name: 'S', valueFrom: `${arn}:k::` }] },
      { name: 'two', secrets: [{ name: 'S', valueFrom: `${arn}:k::` }] },
    ]);
    const created = stack.created.slice(-2);
    expect(created.find(({ name }) => name === 'one')?.environment).toMatchObject({
      'BULK-0': 'value of bulk-0',
      'BULK-22': 'value of bulk-22',
      S: 'v',
    });
    expect(created.find(({ name }) => name === 'two')?.environment).toMatchObject({ S: 'v' });
    expect(created.find(({ name }) => name === 'two')?.environment).not.toHaveProperty('BULK-0');
  });

  it('show in no answer, label or log', async () => {
    const value = `plaintext-${randomUUID()}`;
    await putParameter('invisible', value);
    const { arn } = await createSecret(JSON.stringify({ key: value }));
    const task = await stack.run([
      {
        secrets: [{ name: 'A', valueFrom: 'invisible' }],
        logConfiguration: {
          logDriver: 'awslogs',
          options: { 'awslogs-region': 'us-east-1', 'awslogs-stream-prefix': 'p' },
          secretOptions: [{ name: 'awslogs-group', valueFrom: `${arn}:key::` }],
        },
      },
    ]);
    expect(environmentOf()).toMatchObject({ A: value });
    expect(JSON.stringify(stack.created.at(-1)?.labels)).not.toContain(value);
    const { taskDefinitionArns = [] } = await stack.ecs.send(new ListTaskDefinitionsCommand({ sort: 'DESC' }));
    for (const taskDefinition of taskDefinitionArns)
      expect(JSON.stringify(await stack.ecs.send(new DescribeTaskDefinitionCommand({ taskDefinition })))).not.toContain(
        value,
      );
    expect(JSON.stringify(task)).not.toContain(value);
    expect(stack.logged.join('')).not.toContain(value);
  });

  it.each([
    [
      'a parameter that is not there',
      'never-put',
      'unable to retrieve secrets from ssm: invalid ssm parameters: never-put',
    ],
    [
      'a parameter of another account',
      'arn:aws:ssm:us-east-1:111111111111:parameter/x',
      'unable to retrieve secrets from ssm: service call has been retried 0 time(s): AccessDeniedException: ',
    ],
    [
      'a secret that is not there',
      'arn:aws:secretsmanager:us-east-1:000000000000:secret:none-AbCdEf',
      "unable to retrieve secret from asm: service call has been retried 0 time(s): failed to fetch secret arn:aws:secretsmanager:us-east-1:000000000000:secret:none-AbCdEf from secrets manager: ResourceNotFoundException: Secrets Manager can't find the specified secret.",
    ],
    ['an ARN of something else', 'arn:aws:s3:::bucket/key', 'invalid ARN format: arn:aws:s3:::bucket/key'],
  ])('stop the task: %s', async (_what, valueFrom, reason) => {
    const before = stack.created.length;
    const task = await stack.run([{ name: 'side' }, { secrets: [{ name: 'A', valueFrom }] }]);
    expect(task).toMatchObject({ lastStatus: 'STOPPED', stopCode: 'TaskFailedToStart' });
    expect(task.stoppedReason).toContain(failed + reason);
    // Not even the container that needs nothing was made.
    expect(stack.created.length).toBe(before);
  });

  it('stop the task without quoting the secret', async () => {
    const { arn } = await createSecret('topsecret, not JSON');
    const { arn: json } = await createSecret('{"a":"topsecret"}');
    const { arn: deleted } = await createSecret('topsecret');
    await stack.secretsManager.send(new DeleteSecretCommand({ SecretId: deleted }));
    const { arn: nullish } = await createSecret('topsecret\0');
    for (const [valueFrom, words] of [
      [`${arn}:key::`, 'is not a JSON object, but its key key is asked for'],
      [`${json}:key::`, 'did not contain json key key'],
      [deleted, "InvalidRequestException: You can't perform this operation on the secret because it was marked"],
      [`${json}::none:`, 'find the specified secret value for staging label: none'],
      [nullish, 'has a null character'],
    ] as const) {
      const task = await stack.run([{ secrets: [{ name: 'A', valueFrom }] }]);
      expect(task).toMatchObject({ lastStatus: 'STOPPED', stopCode: 'TaskFailedToStart' });
      expect(task.stoppedReason).toContain(words);
      expect(JSON.stringify(task)).not.toContain('topsecret');
    }
    expect(stack.logged.join('')).not.toContain('topsecret');
  });
});

describe('repositoryCredentials', () => {
  it('reach the pull, and nothing else', async () => {
    const { arn } = await createSecret('{"username":"me","password":"pull-word"}');
    const task = await stack.run([{ repositoryCredentials: { credentialsParameter: arn } }]);
    expect(task.lastStatus).toBe('RUNNING');
    expect(stack.pulls.at(-1)?.credentials).toEqual({ username: 'me', password: 'pull-word' });
    const name = arn.split(':')[6]?.slice(0, -7);
    await stack.run([{ repositoryCredentials: { credentialsParameter: name } }]);
    expect(stack.pulls.at(-1)?.credentials).toEqual({ username: 'me', password: 'pull-word' });
    await stack.run([{}]);
    expect(stack.pulls.at(-1)?.credentials).toBeUndefined();
    expect(JSON.stringify(stack.created)).not.toContain('pull-word');
    expect(stack.logged.join('')).not.toContain('pull-word');
  });

  it('stop the task when they are none', async () => {
    const { arn } = await createSecret('{"username":"me"}');
    const task = await stack.run([{ repositoryCredentials: { credentialsParameter: arn } }]);
    expect(task.stoppedReason).toContain(`${failed}unable to retrieve secret from asm: the secret ${arn} is not`);
  });
});

describe("a worker whose key is not the API's", () => {
  it('says so', async () => {
    const alone = await startSecretStack({ settings: { secretsKey: '/nonexistent/secrets.key' } });
    try {
      await alone.ssm.send(new PutParameterCommand({ Name: 'x', Value: 'v', Type: 'String' }));
      const task = await alone.run([{ secrets: [{ name: 'X', valueFrom: 'x' }] }]);
      expect(task.stoppedReason).toContain('DecryptionFailure: There is no key file /nonexistent/secrets.key');
    } finally {
      await alone.close();
    }
  });
});

describe('services elsewhere', () => {
  it('are asked through the SDK, with its usual credentials', async () => {
    const key = await stack.api.key();
    const before = { ...process.env };
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: key.accessKeyId, AWS_SECRET_ACCESS_KEY: key.secretAccessKey });
    const far = await startSecretStack({
      settings: { ssmEndpoint: stack.api.endpoint, secretsManagerEndpoint: stack.api.endpoint },
    });
    try {
      const parameter = await putParameter('/far/away', 'far parameter');
      const { arn } = await createSecret('{"k":"far secret"}');
      const task = await far.run([
        {
          secrets: [
            { name: 'A', valueFrom: '/far/away' },
            { name: 'B', valueFrom: `${parameter}:1` },
            { name: 'C', valueFrom: `${arn}:k::` },
          ],
        },
      ]);
      expect(task.lastStatus).toBe('RUNNING');
      expect(far.created.at(-1)?.environment).toMatchObject({
        A: 'far parameter',
        B: 'far parameter',
        C: 'far secret',
      });
      const missing = await far.run([{ secrets: [{ name: 'A', valueFrom: 'nowhere' }] }]);
      expect(missing.stoppedReason).toContain('invalid ssm parameters: nowhere');
      const unknown = arn.replace(/.{9}$/, '');
      const lost = await far.run([{ secrets: [{ name: 'A', valueFrom: unknown }] }]);
      expect(lost.stoppedReason).toContain(
        `service call has been retried 0 time(s): failed to fetch secret ${unknown} from secrets manager: ResourceNotFoundException: `,
      );
    } finally {
      await far.close();
      process.env = before;
    }
  });

  it('that do not answer stop the task', async () => {
    const before = { ...process.env };
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'example' });
    const nobody = `http://127.0.0.1:${await freePort()}`;
    const far = await startSecretStack({ settings: { ssmEndpoint: nobody, secretsManagerEndpoint: nobody } });
    try {
      const task = await far.run([{ secrets: [{ name: 'A', valueFrom: 'anything' }] }]);
      expect(task.stoppedReason).toMatch(/service call has been retried 2 time\(s\): Error: connect ECONNREFUSED/);
    } finally {
      await far.close();
      process.env = before;
    }
  });
});
