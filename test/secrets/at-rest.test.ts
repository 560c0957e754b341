/** What the stores write: nowhere in Redis or its files is there a value in plain text. */
import { execFile, execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  CreateSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  UpdateSecretCommand,
} from '@aws-sdk/client-secrets-manager';
import { GetParameterCommand, PutParameterCommand } from '@aws-sdk/client-ssm';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectRedis } from '../../core/redis.ts';
import { eventually } from '../support/eventually.ts';
import { type SecretStack, startSecretStack } from './support.ts';

let stack: SecretStack;
let redis: Redis;

beforeAll(async () => {
  stack = await startSecretStack();
  redis = connectRedis(stack.api.redisUrl, { patience: 3, name: 'scan' });
});
afterAll(async () => {
  redis?.disconnect();
  await stack?.close();
});

async function everythingInRedis(): Promise<Buffer> {
  const found: Buffer[] = [];
  for (const key of await redis.keys('*'))
    found.push(Buffer.from(key), (await redis.dumpBuffer(key)) ?? Buffer.alloc(0));
  return Buffer.concat(found);
}

async function everyFile(folder: string): Promise<Buffer> {
  const found: Buffer[] = [];
  for (const name of await readdir(folder, { recursive: true })) {
    const path = join(folder, name);
    if ((await stat(path)).isFile()) found.push(await readFile(path));
  }
  return Buffer.concat(found);
}

describe('at rest', () => {
  it('no value is in Redis or in any file of the data directory', async () => {
    const { ssm, secretsManager, api } = stack;
    const text = () => `plaintext-${randomUUID()}`;
    const values = Array.from({ length: 7 }, text);
    const [string = '', list = '', secure = '', first = '', second = '', third = '', binary = ''] = values;
    for (const [Type, Value] of [
      ['String', string],
      ['StringList', list],
      ['SecureString', secure],
    ] as const)
      await ssm.send(new PutParameterCommand({ Name: Type, Type, Value }));
    const { ARN } = await secretsManager.send(new CreateSecretCommand({ Name: 'rest', SecretString: first }));
    await secretsManager.send(new PutSecretValueCommand({ SecretId: ARN, SecretString: second }));
    await secretsManager.send(new UpdateSecretCommand({ SecretId: ARN, SecretString: third }));
    await secretsManager.send(new CreateSecretCommand({ Name: 'bin', SecretBinary: Buffer.from(binary) }));
    const task = await stack.run([
      {
        secrets: [
          { name: 'A', valueFrom: 'SecureString' },
          { name: 'B', valueFrom: ARN },
        ],
      },
    ]);
    expect(task.lastStatus).toBe('RUNNING');
    expect(stack.created.at(-1)?.environment).toMatchObject({ A: secure, B: third });
    await redis.bgrewriteaof();
    await eventually('the append-only file to be written anew', async () =>
      /aof_rewrite_(in_progress|scheduled):1/.test(await redis.info('persistence')) ? undefined : true,
    );

    const stored = await everythingInRedis();
    const files = await everyFile(api.directory);
    // The search finds what is there.
    expect(stored.includes('AWSPREVIOUS')).toBe(true);
    expect(files.includes('AWSPREVIOUS')).toBe(true);
    for (const value of values)
      for (const form of [
        value,
        Buffer.from(value).toString('base64').slice(0, -4),
        Buffer.from(value).toString('hex'),
      ]) {
        expect(stored.includes(form)).toBe(false);
        expect(files.includes(form)).toBe(false);
      }
    const key = (await readFile(join(api.directory, 'secrets.key'), 'utf8')).trim();
    expect(stored.includes(key) || stored.includes(Buffer.from(key, 'hex'))).toBe(false);
  });

  it('a value that is put under another name does not open', async () => {
    const { ssm, secretsManager, api } = stack;
    for (const Name of ['mine', 'yours'])
      await ssm.send(new PutParameterCommand({ Name, Type: 'SecureString', Value: `${Name}-value` }));
    const key = (name: string) => `${api.prefix}:parameter:000000000000:us-east-1:${name}`;
    await redis.hset(key('mine'), 'sealed', (await redis.hget(key('yours'), 'sealed')) ?? '');
    await expect(ssm.send(new GetParameterCommand({ Name: 'mine', WithDecryption: true }))).rejects.toMatchObject({
      name: 'InvalidKeyId',
      message: 'A stored secret was changed, or belongs to another name.',
    });
    const ids: string[] = [];
    for (const Name of ['mine', 'yours'])
      ids.push((await secretsManager.send(new CreateSecretCommand({ Name, SecretString: Name }))).VersionId ?? '');
    const secret = (name: string) => `${api.prefix}:secret:000000000000:us-east-1:${name}`;
    const taken = (await redis.hget(secret('yours'), `sealed:${ids[1]}`)) ?? '';
    await redis.hset(secret('mine'), `sealed:${ids[0]}`, taken);
    await expect(secretsManager.send(new GetSecretValueCommand({ SecretId: 'mine' }))).rejects.toMatchObject({
      name: 'DecryptionFailure',
    });
  });

  it('nothing is left of what was deleted', async () => {
    const { ssm, secretsManager } = stack;
    const before = (await redis.keys('*')).length;
    const { DeleteParameterCommand } = await import('@aws-sdk/client-ssm');
    const { DeleteSecretCommand } = await import('@aws-sdk/client-secrets-manager');
    await ssm.send(new PutParameterCommand({ Name: '/short/lived', Type: 'SecureString', Value: 'x' }));
    await ssm.send(new DeleteParameterCommand({ Name: '/short/lived' }));
    await secretsManager.send(new CreateSecretCommand({ Name: 'short', SecretString: 'x' }));
    await secretsManager.send(new DeleteSecretCommand({ SecretId: 'short', ForceDeleteWithoutRecovery: true }));
    expect((await redis.keys('*')).length).toBe(before);
    expect((await everythingInRedis()).includes('short')).toBe(false);
  });
});

const clis = [...new Set(['aws', '/usr/bin/aws'].filter(answers))];

function answers(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  }
}

describe.skipIf(clis.length === 0)('the AWS CLI (skipped where no `aws` is installed)', () => {
  it.each(clis)('%s puts and gets', async (cli) => {
    const { accessKeyId, secretAccessKey } = await stack.api.key();
    const aws = async (...args: readonly string[]) => {
      const env = {
        PATH: process.env.PATH,
        HOME: '/nonexistent',
        AWS_DEFAULT_REGION: 'us-east-1',
        AWS_ACCESS_KEY_ID: accessKeyId,
        AWS_SECRET_ACCESS_KEY: secretAccessKey,
        AWS_PAGER: '',
      };
      const full = [...args, '--endpoint-url', stack.api.endpoint, '--output', 'json'];
      return JSON.parse((await promisify(execFile)(cli, full, { env })).stdout || '{}');
    };
    const name = `/cli/${randomUUID()}`;
    await aws('ssm', 'put-parameter', '--name', name, '--type', 'SecureString', '--value', 'from the cli');
    const got = await aws('ssm', 'get-parameters-by-path', '--path', '/cli', '--with-decryption');
    expect(got.Parameters).toContainEqual(expect.objectContaining({ Name: name, Value: 'from the cli' }));
    const secret = `cli/${randomUUID()}`;
    const created = await aws('secretsmanager', 'create-secret', '--name', secret, '--secret-string', '{"a":"b"}');
    const read = await aws('secretsmanager', 'get-secret-value', '--secret-id', created.ARN);
    expect(read.SecretString).toBe('{"a":"b"}');
  }, 120_000);
});
