import { randomBytes } from 'node:crypto';
import { ECSClient, ListClustersCommand } from '@aws-sdk/client-ecs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSessionIssuer } from '../../core/session-credentials.ts';
import { type ApiStack, createApiStack } from '../support/stack.ts';

const session = { accountId: '111122223333', arn: 'arn:aws:sts::111122223333:assumed-role/web/one' };

describe('temporary credentials', () => {
  const key = randomBytes(32);
  const issuer = createSessionIssuer(
    async () => key,
    () => 1_000,
  );

  it('open in every process that has the key', async () => {
    const issued = await issuer.issue(session, 900);
    const other = createSessionIssuer(
      async () => key,
      () => 0,
    );
    expect(await other.open(issued.accessKeyId, issued.sessionToken)).toEqual({
      ...session,
      secretAccessKey: issued.secretAccessKey,
      expiresAt: 901_000,
    });
  });

  it('are nothing to another key, for another id, or changed', async () => {
    const issued = await issuer.issue(session, 900);
    const another = await issuer.issue(session, 900);
    const stranger = createSessionIssuer(
      async () => randomBytes(32),
      () => 0,
    );
    expect(await stranger.open(issued.accessKeyId, issued.sessionToken)).toBeUndefined();
    expect(await issuer.open(another.accessKeyId, issued.sessionToken)).toBeUndefined();
    expect(await issuer.open(issued.accessKeyId, `${issued.sessionToken.slice(0, -8)}AAAAAAA=`)).toBeUndefined();
    expect(await issuer.open(issued.accessKeyId, 'nonsense')).toBeUndefined();
  });
});

describe('the API', () => {
  let stack: ApiStack;
  beforeAll(async () => {
    stack = await createApiStack();
  });
  afterAll(async () => await stack.close());

  const list = async (lifetime: number, change: { readonly sessionToken?: string } = {}) => {
    const credentials = { ...(await stack.sessions.issue(session, lifetime)), ...change };
    const client = new ECSClient({ endpoint: stack.endpoint, region: 'us-east-1', credentials });
    return await client.send(new ListClustersCommand({})).finally(() => client.destroy());
  };

  it('takes them until they end', async () => {
    expect(await list(900)).toMatchObject({ clusterArns: [] });
    await expect(list(-1)).rejects.toMatchObject({
      name: 'ExpiredTokenException',
      message: 'The security token included in the request is expired',
    });
  });

  it("does not take them with another's token", async () => {
    const { sessionToken } = await stack.sessions.issue(session, 900);
    await expect(list(900, { sessionToken })).rejects.toMatchObject({ name: 'UnrecognizedClientException' });
  });
});
