/** STS through the real client and through bare requests: who am I, roles, session tokens, and the Query protocol's forms. */
import { ListClustersCommand } from '@aws-sdk/client-ecs';
import {
  AssumeRoleCommand,
  type AssumeRoleCommandInput,
  AssumeRoleWithSAMLCommand,
  GetCallerIdentityCommand,
  GetSessionTokenCommand,
  STSClient,
} from '@aws-sdk/client-sts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Credential } from '../../api/credentials.ts';
import { presign, sign } from '../protocol/support.ts';
import { type ApiStack, createApiStack } from '../support/stack.ts';

let stack: ApiStack;
const clients: { destroy(): void }[] = [];
beforeAll(async () => {
  stack = await createApiStack();
});
afterAll(async () => {
  for (const each of clients) each.destroy();
  await stack?.close();
});

interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

async function client(keys?: Keys): Promise<STSClient> {
  const credentials = keys ?? (await stack.key());
  const made = new STSClient({ endpoint: stack.endpoint, region: 'us-east-1', credentials, maxAttempts: 1 });
  clients.push(made);
  return made;
}

const role = 'arn:aws:iam::000000000000:role/service/web';
const whoIs = async (keys?: Keys) => {
  const { $metadata, ...identity } = await (await client(keys)).send(new GetCallerIdentityCommand({}));
  expect($metadata.requestId).toMatch(/^[0-9a-f-]{36}$/);
  return identity;
};
const assume = async (input: Partial<AssumeRoleCommandInput> = {}, keys?: Keys) =>
  await (await client(keys)).send(new AssumeRoleCommand({ RoleArn: role, RoleSessionName: 'me', ...input }));
const keysOf = ({
  Credentials: { AccessKeyId = '', SecretAccessKey = '', SessionToken = '' } = {},
}: {
  readonly Credentials?: { AccessKeyId?: string; SecretAccessKey?: string; SessionToken?: string };
}): Keys => ({ accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken });

describe('GetCallerIdentity', () => {
  test('of an account’s root', async () => {
    expect(await whoIs()).toEqual({
      UserId: '000000000000',
      Account: '000000000000',
      Arn: 'arn:aws:iam::000000000000:root',
    });
  });

  test('of a session', async () => {
    const issued = await stack.sessions.issue(
      { accountId: '111122223333', arn: 'arn:aws:sts::111122223333:assumed-role/web/task1' },
      900,
    );
    expect(await whoIs(issued)).toEqual({
      UserId: expect.stringMatching(/^AROA[A-Z2-7]{17}:task1$/),
      Account: '111122223333',
      Arn: 'arn:aws:sts::111122223333:assumed-role/web/task1',
    });
  });

  test('presigned, as a GET', async () => {
    const key = (await stack.key()) as Credential;
    const { host } = new URL(stack.endpoint);
    const headers = { 'content-type': 'text/plain' };
    const query = { Action: 'GetCallerIdentity', Version: '2011-06-15' };
    const { query: signed } = await presign(host, { method: 'GET', query, body: '', service: 'sts', key, headers });
    const parameters = new URLSearchParams(signed as Record<string, string>);
    const answer = await fetch(`${stack.endpoint}/?${parameters}`, {
      headers,
    });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/xml']);
    const body = await answer.text();
    expect(body).toBe(
      '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>' +
        '<UserId>000000000000</UserId><Account>000000000000</Account><Arn>arn:aws:iam::000000000000:root</Arn>' +
        `</GetCallerIdentityResult><ResponseMetadata><RequestId>${answer.headers.get('x-amzn-requestid')}</RequestId>` +
        '</ResponseMetadata></GetCallerIdentityResponse>',
    );
  });
});

describe('AssumeRole', () => {
  test('gives credentials that every service accepts', async () => {
    const answer = await assume();
    expect(answer.AssumedRoleUser).toEqual({
      Arn: 'arn:aws:sts::000000000000:assumed-role/web/me',
      AssumedRoleId: expect.stringMatching(/^AROA[A-Z2-7]{17}:me$/),
    });
    expect(answer.Credentials?.AccessKeyId).toMatch(/^ASIA[A-Z2-7]{16}$/);
    const left = Number(answer.Credentials?.Expiration) - Date.now();
    expect(left).toBeGreaterThan(3_500_000);
    expect(left).toBeLessThanOrEqual(3_600_000);
    const keys = keysOf(answer);
    expect((await whoIs(keys)).Arn).toBe('arn:aws:sts::000000000000:assumed-role/web/me');
    const ecs = await stack.client();
    ecs.config.credentials = async () => keys as Required<Keys>;
    expect((await ecs.send(new ListClustersCommand({}))).clusterArns).toEqual([]);
  });

  test.each([
    ['a session name with spaces', { RoleSessionName: 'a b' }, 'ValidationError', /at 'roleSessionName'.*pattern/],
    ['a session name of one letter', { RoleSessionName: 'a' }, 'ValidationError', /greater than or equal to 2/],
    ['too short', { DurationSeconds: 899 }, 'ValidationError', /at 'durationSeconds'.*greater than or equal to 900/],
    ['too long', { DurationSeconds: 43_201 }, 'ValidationError', /less than or equal to 43200/],
    ['no role', { RoleArn: 'arn:aws:iam::000000000000:user/web' }, 'ValidationError', /user\/web is invalid$/],
    [
      'another account’s role',
      { RoleArn: 'arn:aws:iam::111122223333:role/web' },
      'AccessDenied',
      /^User: arn:aws:iam::000000000000:root is not authorized to perform: sts:AssumeRole on resource: /,
    ],
    ['a policy', { Policy: '{}' }, 'ValidationError', /does not support Policy yet/],
    ['tags', { Tags: [{ Key: 'a', Value: 'b' }] }, 'ValidationError', /does not support Tags yet/],
  ])('refuses %s', async (_, input, name, message) => {
    await expect(assume(input)).rejects.toMatchObject({ name, message: expect.stringMatching(message) });
  });

  test('lets a session assume a role for an hour and no longer', async () => {
    const keys = keysOf(await assume());
    await expect(assume({ DurationSeconds: 3601 }, keys)).rejects.toMatchObject({ name: 'ValidationError' });
    expect((await assume({ RoleSessionName: 'again' }, keys)).AssumedRoleUser?.Arn).toMatch(/web\/again$/);
  });
});

test('GetSessionToken is for those who have no token yet', async () => {
  const keys = keysOf(await (await client()).send(new GetSessionTokenCommand({})));
  expect((await whoIs(keys)).Arn).toBe('arn:aws:iam::000000000000:root');
  const assumed = keysOf(await assume());
  await expect((await client(assumed)).send(new GetSessionTokenCommand({}))).rejects.toMatchObject({
    name: 'AccessDenied',
    message: 'Cannot call GetSessionToken with session credentials',
  });
});

describe('what is refused', () => {
  test('keys that nobody has, a wrong secret, an end that has passed', async () => {
    const key = await stack.key();
    const nobody = { ...key, accessKeyId: 'AKIAAAAAAAAAAAAAAAAA' };
    await expect(whoIs(nobody)).rejects.toMatchObject({
      name: 'InvalidClientTokenId',
      $metadata: { httpStatusCode: 403 },
    });
    const wrong = { ...key, secretAccessKey: 'x'.repeat(40) };
    await expect(whoIs(wrong)).rejects.toMatchObject({ name: 'SignatureDoesNotMatch' });
    const over = await stack.sessions.issue({ accountId: '000000000000', arn: 'arn:aws:iam::000000000000:root' }, -1);
    await expect(whoIs(over)).rejects.toMatchObject({ name: 'ExpiredToken' });
  });

  test('operations that are not built', async () => {
    const send = (await client()).send(
      new AssumeRoleWithSAMLCommand({ RoleArn: role, PrincipalArn: role, SAMLAssertion: 'none' }),
    );
    await expect(send).rejects.toMatchObject({ name: 'MissingAuthenticationToken' });
  });

  test.each([
    ['an unknown operation', 'Action=Nothing&Version=2011-06-15', 400, 'InvalidAction'],
    ['another version', 'Action=GetCallerIdentity&Version=2010-05-08', 400, 'InvalidAction'],
    ['no operation', '', 400, 'InvalidAction'],
    [
      'a word for a number',
      `Action=AssumeRole&RoleArn=${role}&RoleSessionName=me&DurationSeconds=long`,
      400,
      'MalformedInput',
    ],
    ['a field too deep', `Action=AssumeRole&${'a.'.repeat(40)}b=1`, 400, 'MalformedInput'],
    ['no role', 'Action=AssumeRole&RoleSessionName=me', 400, 'ValidationError'],
  ])('%s', async (_, body, status, code) => {
    const { host } = new URL(stack.endpoint);
    const type = 'application/x-www-form-urlencoded; charset=utf-8';
    const key = (await stack.key()) as Credential;
    const signed = await sign(host, { body, key, service: 'sts', headers: { 'content-type': type } });
    const answer = await fetch(stack.endpoint, { method: 'POST', headers: signed.headers, body });
    const text = await answer.text();
    expect([answer.status, text]).toEqual([status, expect.stringContaining(`<Code>${code}</Code>`)]);
    expect(text).toMatch(
      /^<ErrorResponse xmlns="https:\/\/sts\.amazonaws\.com\/doc\/2011-06-15\/"><Error><Type>Sender/,
    );
  });
});
