import { randomUUID } from 'node:crypto';
import {
  BatchGetSecretValueCommand,
  CreateSecretCommand,
  type CreateSecretCommandInput,
  DeleteSecretCommand,
  type DeleteSecretCommandInput,
  DescribeSecretCommand,
  GetRandomPasswordCommand,
  GetResourcePolicyCommand,
  GetSecretValueCommand,
  ListSecretsCommand,
  type ListSecretsCommandInput,
  ListSecretVersionIdsCommand,
  PutSecretValueCommand,
  type PutSecretValueCommandInput,
  paginateListSecrets,
  RestoreSecretCommand,
  RotateSecretCommand,
  SecretsManagerClient,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateSecretCommand,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiStack, createApiStack } from '../support/stack.ts';

const region = 'eu-west-1';
const accountId = '111122223333';
const day = 24 * 3600 * 1000;
let now = Date.UTC(2026, 0, 15, 12);
let stack: ApiStack;
let client: SecretsManagerClient;
let other: SecretsManagerClient;

beforeAll(async () => {
  stack = await createApiStack({ clock: () => now });
  const { endpoint } = stack;
  client = new SecretsManagerClient({ endpoint, region, credentials: await stack.key(accountId) });
  other = new SecretsManagerClient({ endpoint, region, credentials: await stack.key('999988887777') });
});
afterAll(async () => {
  client?.destroy();
  other?.destroy();
  await stack?.close();
});

let lastNumber = 0;
const unique = (what = 'secret') => {
  lastNumber += 1;
  return `${what}-${lastNumber}`;
};
const create = async (input: Partial<CreateSecretCommandInput> = {}) =>
  await client.send(new CreateSecretCommand({ Name: unique(), SecretString: 'one', ...input }));
const get = async (SecretId: string | undefined, more: { VersionId?: string; VersionStage?: string } = {}) =>
  await client.send(new GetSecretValueCommand({ SecretId, ...more }));
const put = async (SecretId: string | undefined, more: Partial<PutSecretValueCommandInput>) =>
  await client.send(new PutSecretValueCommand({ SecretId, ...more }));
const remove = async (SecretId: string | undefined, more: Partial<DeleteSecretCommandInput> = {}) =>
  await client.send(new DeleteSecretCommand({ SecretId, ...more }));
const stages = async (SecretId: string | undefined) =>
  (await client.send(new DescribeSecretCommand({ SecretId }))).VersionIdsToStages;

function error(name: string, message: string | RegExp) {
  return expect.objectContaining({ name, message: expect.stringMatching(message) });
}

describe('values', () => {
  it('come back as they were given, by name, ARN and ARN without its end', async () => {
    const created = await create({ Name: 'db/pass-word', SecretString: 'pä\nss', Description: 'db' });
    expect(created.ARN).toMatch(
      new RegExp(`^arn:aws:secretsmanager:${region}:${accountId}:secret:db/pass-word-[A-Za-z0-9]{6}$`),
    );
    for (const id of ['db/pass-word', created.ARN, created.ARN?.slice(0, -7)])
      expect(await get(id)).toMatchObject({
        ARN: created.ARN,
        Name: 'db/pass-word',
        SecretString: 'pä\nss',
        VersionId: created.VersionId,
        VersionStages: ['AWSCURRENT'],
        CreatedDate: new Date(now),
      });
    const bytes = Uint8Array.from([0, 255, 10, 128]);
    const binary = await create({ SecretString: undefined, SecretBinary: bytes });
    const found = await get(binary.Name);
    expect(Uint8Array.from(found.SecretBinary ?? [])).toEqual(bytes);
    expect(found.SecretString).toBeUndefined();
  });

  it('belong to one account', async () => {
    const { ARN, Name } = await create();
    for (const SecretId of [ARN, Name])
      await expect(other.send(new GetSecretValueCommand({ SecretId }))).rejects.toEqual(
        error('ResourceNotFoundException', "can't find the specified secret\\.$"),
      );
  });

  it('may be absent at first', async () => {
    const { Name, VersionId } = await create({ SecretString: undefined });
    expect(VersionId).toBeUndefined();
    await expect(get(Name)).rejects.toEqual(
      error('ResourceNotFoundException', 'secret value for staging label: AWSCURRENT'),
    );
    await put(Name, { SecretString: 'late' });
    expect((await get(Name)).SecretString).toBe('late');
  });

  it.each([
    [{ SecretBinary: new Uint8Array([1]) }, 'InvalidParameterException', 'both a binary secret value and a string'],
    [{ SecretString: 'x'.repeat(65_537) }, 'ValidationException', 'less than or equal to 65536'],
    [{ SecretString: 'ü'.repeat(40_000) }, 'InvalidParameterException', 'longer than 65536 bytes'],
    [{ Name: 'a b' }, 'ValidationException', 'Invalid name'],
    [{ ClientRequestToken: 'short' }, 'ValidationException', 'greater than or equal to 32'],
    [{ KmsKeyId: 'alias/mine' }, 'EncryptionFailure', 'alias/mine'],
    [{ AddReplicaRegions: [{ Region: 'us-west-2' }] }, 'InvalidRequestException', 'replica'],
    [{ Tags: [{ Key: 'aws:x', Value: '' }] }, 'InvalidParameterException', 'reserved'],
  ])('refuses %#', async (input, name, message) => {
    const thrown: Error = await create(input).then(
      () => new Error('it was accepted'),
      (reason) => reason,
    );
    expect(thrown).toEqual(error(name, message));
    expect(thrown.message).not.toMatch(/xxxx|üüü/);
  });
});

describe('idempotency', () => {
  it('makes a secret and a version once for one token and value', async () => {
    const input = { Name: unique(), SecretString: 'same', ClientRequestToken: randomUUID() };
    const first = await create(input);
    expect(await create(input)).toMatchObject({ ARN: first.ARN, VersionId: input.ClientRequestToken });
    await expect(create({ ...input, SecretString: 'else' })).rejects.toEqual(
      error('ResourceExistsException', 'already exists'),
    );
    await expect(create({ Name: input.Name })).rejects.toEqual(error('ResourceExistsException', input.Name));
    const token = { ClientRequestToken: randomUUID(), SecretString: 'next' };
    expect(await put(input.Name, token)).toMatchObject({ VersionStages: ['AWSCURRENT'] });
    expect(await put(input.Name, token)).toMatchObject({ VersionId: token.ClientRequestToken });
    await expect(put(input.Name, { ...token, SecretString: 'other' })).rejects.toEqual(
      error('ResourceExistsException', 'already in use for a version'),
    );
    expect(Object.keys((await stages(input.Name)) ?? {})).toHaveLength(2);
  });
});

describe('stages', () => {
  it('move as versions come', async () => {
    const { Name, VersionId: v1 = '' } = await create();
    const { VersionId: v2 = '' } = await put(Name, { SecretString: 'two' });
    expect(await stages(Name)).toEqual({ [v1]: ['AWSPREVIOUS'], [v2]: ['AWSCURRENT'] });
    const { VersionId: v3 = '' } = await put(Name, { SecretString: 'three', VersionStages: ['AWSPENDING', 'mine'] });
    expect(await stages(Name)).toEqual({
      [v1]: ['AWSPREVIOUS'],
      [v2]: ['AWSCURRENT'],
      [v3]: ['AWSPENDING', 'mine'],
    });
    expect((await get(Name)).SecretString).toBe('two');
    expect((await get(Name, { VersionStage: 'mine' })).SecretString).toBe('three');
    expect((await get(Name, { VersionId: v1 })).SecretString).toBe('one');
    expect((await get(Name, { VersionId: v1, VersionStage: 'AWSPREVIOUS' })).SecretString).toBe('one');
    await expect(get(Name, { VersionId: v1, VersionStage: 'AWSCURRENT' })).rejects.toEqual(
      error('InvalidRequestException', 'not associated'),
    );
    await expect(get(Name, { VersionId: randomUUID() })).rejects.toEqual(
      error('ResourceNotFoundException', 'VersionId'),
    );
    await expect(get(Name, { VersionStage: 'none' })).rejects.toEqual(
      error('ResourceNotFoundException', 'staging label: none'),
    );
    const { VersionId: v4 = '' } = await client.send(new UpdateSecretCommand({ SecretId: Name, SecretString: 'four' }));
    expect(await stages(Name)).toEqual({ [v2]: ['AWSPREVIOUS'], [v3]: ['AWSPENDING', 'mine'], [v4]: ['AWSCURRENT'] });
    const listed = async (IncludeDeprecated: boolean) =>
      (await client.send(new ListSecretVersionIdsCommand({ SecretId: Name, IncludeDeprecated }))).Versions?.map(
        ({ VersionId }) => VersionId,
      );
    expect((await listed(false))?.sort()).toEqual([v2, v3, v4].sort());
    expect((await listed(true))?.sort()).toEqual([v1, v2, v3, v4].sort());
  });

  it('are moved by hand, from where they are', async () => {
    const { Name, VersionId: v1 = '' } = await create();
    const { VersionId: v2 = '' } = await put(Name, { SecretString: 'two' });
    const move = async (VersionStage: string, RemoveFromVersionId?: string, MoveToVersionId?: string) =>
      await client.send(
        new UpdateSecretVersionStageCommand({ SecretId: Name, VersionStage, RemoveFromVersionId, MoveToVersionId }),
      );
    await expect(move('AWSCURRENT', undefined, v1)).rejects.toEqual(
      error('InvalidParameterException', `currently attached to version ${v2}`),
    );
    await expect(move('AWSCURRENT', v1, v1)).rejects.toEqual(error('InvalidParameterException', 'not attached'));
    await expect(move('AWSCURRENT', v2)).rejects.toEqual(error('InvalidParameterException', "can't remove"));
    await expect(move('x', undefined, randomUUID())).rejects.toEqual(error('ResourceNotFoundException', 'VersionId'));
    await move('AWSCURRENT', v2, v1);
    expect(await stages(Name)).toEqual({ [v1]: ['AWSCURRENT'], [v2]: ['AWSPREVIOUS'] });
    await move('mine', undefined, v2);
    await move('mine', v2);
    expect(await stages(Name)).toEqual({ [v1]: ['AWSCURRENT'], [v2]: ['AWSPREVIOUS'] });
  });

  it('keep a hundred versions, the staged ones always', async () => {
    const { Name, VersionId: first } = await create();
    await put(Name, { SecretString: 'kept', VersionStages: ['kept'] });
    for (let index = 0; index < 105; index += 1) await put(Name, { SecretString: `${index}` });
    const { Versions = [] } = await client.send(
      new ListSecretVersionIdsCommand({ SecretId: Name, IncludeDeprecated: true }),
    );
    expect(Versions).toHaveLength(100);
    await expect(get(Name, { VersionId: first })).rejects.toEqual(error('ResourceNotFoundException', 'VersionId'));
    expect((await get(Name, { VersionStage: 'kept' })).SecretString).toBe('kept');
    expect((await get(Name)).SecretString).toBe('104');
  });
});

describe('deletion', () => {
  it('waits out its window, and can be taken back', async () => {
    const { Name, ARN } = await create();
    expect(await remove(Name, { RecoveryWindowInDays: 7 })).toMatchObject({ DeletionDate: new Date(now + 7 * day) });
    await expect(get(Name)).rejects.toEqual(error('InvalidRequestException', 'marked for deletion'));
    await expect(put(Name, { SecretString: 'x' })).rejects.toEqual(error('InvalidRequestException', 'marked'));
    await expect(create({ Name })).rejects.toEqual(error('InvalidRequestException', 'already scheduled for deletion'));
    await expect(remove(Name)).rejects.toEqual(error('InvalidRequestException', 'currently marked deleted'));
    const { DeletedDate } = await client.send(new DescribeSecretCommand({ SecretId: Name }));
    expect(DeletedDate).toEqual(new Date(now));
    await client.send(new RestoreSecretCommand({ SecretId: ARN }));
    expect((await get(Name)).SecretString).toBe('one');
  });

  it('ends with the window, or at once', async () => {
    const { Name, ARN } = await create();
    await remove(Name, {});
    now += 30 * day;
    await expect(get(Name)).rejects.toEqual(error('ResourceNotFoundException', ''));
    await expect(client.send(new RestoreSecretCommand({ SecretId: Name }))).rejects.toEqual(
      error('ResourceNotFoundException', ''),
    );
    const again = await create({ Name });
    expect(again.ARN).not.toBe(ARN);
    await expect(get(ARN)).rejects.toEqual(error('ResourceNotFoundException', ''));
    await remove(Name, { ForceDeleteWithoutRecovery: true });
    await expect(get(Name)).rejects.toEqual(error('ResourceNotFoundException', ''));
    await remove(Name, { ForceDeleteWithoutRecovery: true });
    await create({ Name });
  });

  it('is swept up when its window has ended', async () => {
    const [kept, gone] = [await create(), await create()];
    await remove(gone.Name, { RecoveryWindowInDays: 7 });
    await remove(kept.Name, { RecoveryWindowInDays: 8 });
    await stack.secrets.purge(now + 7 * day, 100);
    await expect(client.send(new DescribeSecretCommand({ SecretId: gone.Name }))).rejects.toEqual(
      error('ResourceNotFoundException', ''),
    );
    await client.send(new DescribeSecretCommand({ SecretId: kept.Name }));
  });

  it('refuses windows that AWS refuses', async () => {
    const { Name } = await create();
    for (const RecoveryWindowInDays of [6, 31])
      await expect(remove(Name, { RecoveryWindowInDays })).rejects.toEqual(
        error('InvalidParameterException', 'between 7 and 30'),
      );
    await expect(remove(Name, { RecoveryWindowInDays: 7, ForceDeleteWithoutRecovery: true })).rejects.toEqual(
      error('InvalidParameterException', 'in conjunction'),
    );
    await expect(remove('never')).rejects.toEqual(error('ResourceNotFoundException', ''));
  });
});

describe('DescribeSecret and ListSecrets', () => {
  it('tell all but the value', async () => {
    const {
      Name,
      ARN,
      VersionId = '',
    } = await create({
      SecretString: 'never-shown',
      Description: 'd1',
      Tags: [{ Key: 'k', Value: 'v' }],
    });
    await get(Name);
    const described = await client.send(new DescribeSecretCommand({ SecretId: Name }));
    expect(described).toMatchObject({
      ARN,
      Name,
      Description: 'd1',
      Tags: [{ Key: 'k', Value: 'v' }],
      CreatedDate: new Date(now),
      LastChangedDate: new Date(now),
      LastAccessedDate: new Date(now - (now % day)),
      VersionIdsToStages: { [VersionId]: ['AWSCURRENT'] },
    });
    await client.send(
      new TagResourceCommand({
        SecretId: Name,
        Tags: [
          { Key: 'k', Value: 'w' },
          { Key: 'l', Value: '' },
        ],
      }),
    );
    await client.send(new UntagResourceCommand({ SecretId: Name, TagKeys: ['l'] }));
    await client.send(new UpdateSecretCommand({ SecretId: Name, Description: 'd2' }));
    const { SecretList = [] } = await client.send(
      new ListSecretsCommand({ Filters: [{ Key: 'name', Values: [Name ?? ''] }] }),
    );
    expect(SecretList).toMatchObject([{ Name, Description: 'd2', Tags: [{ Key: 'k', Value: 'w' }] }]);
    expect(JSON.stringify([described, SecretList])).not.toContain('never-shown');
  });

  it('filter, sort and page', async () => {
    for (const [name, Description, key] of [
      ['lst/b', 'Payment gateway', 'red'],
      ['lst/a', 'mail server', 'blue'],
      ['lst/c', 'Mail archive', 'blue'],
    ] as const) {
      now += 1000;
      await create({ Name: name, Description, Tags: [{ Key: key, Value: `tag-${name}` }] });
    }
    await create({ Name: 'lst/dead' });
    await remove('lst/dead');
    const names = async (input: Partial<ListSecretsCommandInput>) =>
      (await client.send(new ListSecretsCommand({ ...input }))).SecretList?.map(({ Name }) => Name);
    const mine = { Key: 'name', Values: ['lst/'] } as const;
    const filtered = async (Key: string, ...Values: string[]) =>
      await names({
        Filters: [
          { ...mine, Values: ['lst/'] },
          { Key: Key as 'name', Values },
        ],
      });
    expect(await names({ Filters: [{ Key: 'name', Values: ['lst/'] }] })).toEqual(['lst/b', 'lst/a', 'lst/c']);
    expect(await filtered('description', 'MAIL')).toEqual(['lst/a', 'lst/c']);
    expect(await filtered('tag-key', 'red', 'green')).toEqual(['lst/b']);
    expect(await filtered('tag-key', '!red')).toEqual(['lst/a', 'lst/c']);
    expect(await filtered('tag-value', 'tag-lst/c')).toEqual(['lst/c']);
    expect(await filtered('all', 'archive mail')).toEqual(['lst/c']);
    const Filters = [{ Key: 'name' as const, Values: ['lst/'] }];
    expect(await names({ Filters, SortOrder: 'desc' })).toEqual(['lst/c', 'lst/a', 'lst/b']);
    expect(await names({ Filters, SortBy: 'name' })).toEqual(['lst/a', 'lst/b', 'lst/c']);
    expect(await names({ Filters, SortBy: 'last-changed-date', SortOrder: 'desc' })).toEqual([
      'lst/c',
      'lst/a',
      'lst/b',
    ]);
    expect(await names({ Filters, IncludePlannedDeletion: true })).toContain('lst/dead');
    for (const SortBy of [undefined, 'name', 'last-changed-date'] as const) {
      const paged: (string | undefined)[] = [];
      for await (const { SecretList = [] } of paginateListSecrets({ client, pageSize: 1 }, { Filters, SortBy }))
        paged.push(...SecretList.map(({ Name }) => Name));
      expect(paged).toEqual(await names({ Filters, SortBy }));
    }
    await expect(names({ NextToken: 'x' })).rejects.toEqual(error('InvalidNextTokenException', ''));
    const batch = await client.send(new BatchGetSecretValueCommand({ SecretIdList: ['lst/a', 'lst/dead', 'lst/x'] }));
    expect(batch.SecretValues).toMatchObject([{ Name: 'lst/a', SecretString: 'one' }]);
    expect(batch.Errors?.map(({ SecretId, ErrorCode }) => [SecretId, ErrorCode])).toEqual([
      ['lst/dead', 'InvalidRequestException'],
      ['lst/x', 'ResourceNotFoundException'],
    ]);
  });
});

describe('the rest', () => {
  it('makes random passwords', async () => {
    const password = async (input: object) =>
      (await client.send(new GetRandomPasswordCommand(input))).RandomPassword ?? '';
    expect(await password({})).toMatch(/^[!-~]{32}$/);
    expect(await password({ PasswordLength: 4 })).toMatch(/(?=.*[a-z])(?=.*[A-Z])(?=.*\d)(?=.*[^A-Za-z\d])/);
    expect(await password({ ExcludePunctuation: true, ExcludeNumbers: true, ExcludeUppercase: true })).toMatch(
      /^[a-z]{32}$/,
    );
    expect(await password({ PasswordLength: 4096, ExcludeCharacters: 'aeiou' })).not.toMatch(/[aeiou]/);
    await expect(password({ PasswordLength: 3 })).rejects.toEqual(error('InvalidParameterException', 'too short'));
  });

  it('says what it does not do', async () => {
    const { Name, ARN } = await create();
    await expect(client.send(new RotateSecretCommand({ SecretId: Name }))).rejects.toEqual(
      error('InvalidRequestException', 'does not implement RotateSecret'),
    );
    const policy = await client.send(new GetResourcePolicyCommand({ SecretId: Name }));
    expect(policy).toMatchObject({ ARN, Name });
    expect(policy.ResourcePolicy).toBeUndefined();
  });
});
