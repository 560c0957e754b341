/** Credentials of task roles: who they are for, when they are replaced, and where else they may come from. */
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createSessionIssuer } from '../../core/session-credentials.ts';
import { createTaskRoles, ownRoles, type RoleHolder } from '../../worker/task-role.ts';
import { awsRoles } from '../../worker/task-role-aws.ts';
import { setVariables } from '../support/environment.ts';
import { type ApiStack, createApiStack } from '../support/stack.ts';

const key = async () => Buffer.alloc(32, 7);
const holder = (taskId: string, taskRole?: string): RoleHolder => ({
  recorder: { task: { spec: { accountId: '111122223333', region: 'us-east-1', taskId } } },
  taskRole,
});

describe('roles of our own', () => {
  let now = Date.parse('2026-03-01T00:00:00Z');
  const issuer = createSessionIssuer(key, () => now);
  const roles = createTaskRoles(key, ownRoles(issuer), () => now);

  test('belong to the account of the task, whatever account the ARN names', async () => {
    for (const role of ['web', 'arn:aws:iam::999999999999:role/path/web']) {
      const given = await roles.credentials(holder('t1', role));
      const opened = await issuer.open(given?.accessKeyId ?? '', given?.sessionToken ?? '');
      expect(opened).toMatchObject({
        accountId: '111122223333',
        arn: 'arn:aws:sts::111122223333:assumed-role/web/t1',
        secretAccessKey: given?.secretAccessKey,
      });
      expect(given?.roleArn).toBe(role === 'web' ? 'arn:aws:iam::111122223333:role/web' : role);
    }
  });

  test('stay for hours and are replaced half an hour before their end', async () => {
    const task = holder('t2', 'web');
    const first = await roles.credentials(task);
    expect(first?.expiresAt).toBe(now + 6 * 3_600_000);
    now += 5.49 * 3_600_000;
    expect(await roles.credentials(task)).toEqual(first);
    now += 0.02 * 3_600_000;
    const [second, third] = await Promise.all([roles.credentials(task), roles.credentials(task)]);
    expect(second?.accessKeyId).not.toBe(first?.accessKeyId);
    expect(third).toEqual(second);
    expect(second?.expiresAt).toBe(now + 6 * 3_600_000);
  });

  test('are not for tasks without a role', async () => {
    expect(await roles.credentials(holder('t3'))).toBeUndefined();
  });

  test('an id is the same after a restart, another for each task, and not to be known without the key', async () => {
    const again = createTaskRoles(key, ownRoles(issuer), () => now);
    const id = await roles.credentialsId(holder('t4', 'web'));
    expect(id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(await again.credentialsId(holder('t4', 'web'))).toBe(id);
    expect(await roles.credentialsId(holder('t5', 'web'))).not.toBe(id);
    const other = createTaskRoles(
      async () => Buffer.alloc(32, 8),
      ownRoles(issuer),
      () => now,
    );
    expect(await other.credentialsId(holder('t4', 'web'))).not.toBe(id);
  });
});

describe('roles of another STS', () => {
  let stack: ApiStack;
  beforeAll(async () => {
    stack = await createApiStack();
  });
  afterAll(async () => await stack?.close());

  test('are assumed in the name of the worker, for each task', async () => {
    const { accessKeyId, secretAccessKey } = await stack.key('111122223333');
    onTestFinished(setVariables({ AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey }));
    const roles = createTaskRoles(key, awsRoles(stack.endpoint), Date.now);
    const given = await roles.credentials(holder('t6', 'arn:aws:iam::111122223333:role/web'));
    if (!given) throw new Error('no credentials');
    const client = new STSClient({ endpoint: stack.endpoint, region: 'us-east-1', credentials: given });
    const { Arn } = await client.send(new GetCallerIdentityCommand({}));
    client.destroy();
    expect(Arn).toBe('arn:aws:sts::111122223333:assumed-role/web/t6');
    const refused = roles.credentials(holder('t7', 'arn:aws:iam::999999999999:role/web'));
    await expect(refused).rejects.toMatchObject({ name: 'AccessDenied' });
  });
});
