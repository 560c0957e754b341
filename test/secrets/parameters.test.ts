import {
  AddTagsToResourceCommand,
  DeleteParameterCommand,
  DeleteParametersCommand,
  DescribeParametersCommand,
  GetParameterCommand,
  GetParameterHistoryCommand,
  GetParametersByPathCommand,
  GetParametersCommand,
  LabelParameterVersionCommand,
  ListDocumentsCommand,
  ListTagsForResourceCommand,
  PutParameterCommand,
  type PutParameterCommandInput,
  paginateDescribeParameters,
  paginateGetParametersByPath,
  RemoveTagsFromResourceCommand,
  SSMClient,
  UnlabelParameterVersionCommand,
} from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiStack, createApiStack } from '../support/stack.ts';

const region = 'eu-west-1';
const accountId = '111122223333';
let stack: ApiStack;
let ssm: SSMClient;
let other: SSMClient;

beforeAll(async () => {
  stack = await createApiStack();
  const credentials = await stack.key(accountId);
  ssm = new SSMClient({ endpoint: stack.endpoint, region, credentials });
  other = new SSMClient({ endpoint: stack.endpoint, region: 'us-east-1', credentials });
});
afterAll(async () => {
  ssm?.destroy();
  other?.destroy();
  await stack?.close();
});

const put = async (Name: string, Value: string, more: Partial<PutParameterCommandInput> = {}) =>
  await ssm.send(new PutParameterCommand({ Name, Value, Type: 'String', ...more }));
const get = async (Name: string, WithDecryption = true) =>
  (await ssm.send(new GetParameterCommand({ Name, WithDecryption }))).Parameter;
const arn = (name: string) => `arn:aws:ssm:${region}:${accountId}:parameter/${name.replace(/^\//, '')}`;

function error(name: string, message: string | RegExp) {
  return expect.objectContaining({ name, message: expect.stringMatching(message) });
}

describe('PutParameter and GetParameter', () => {
  it('keeps a value with everything that is told about it', async () => {
    expect(await put('/basic/url', 'postgres://ü\n', { Description: 'where it is' })).toMatchObject({
      Version: 1,
      Tier: 'Standard',
    });
    expect(await get('/basic/url')).toEqual({
      Name: '/basic/url',
      Type: 'String',
      Value: 'postgres://ü\n',
      Version: 1,
      ARN: arn('/basic/url'),
      DataType: 'text',
      LastModifiedDate: expect.any(Date),
    });
  });

  it('shows a SecureString only when it is to be decrypted', async () => {
    await put('secure', 'open sesame', { Type: 'SecureString' });
    expect(await get('secure')).toMatchObject({ Type: 'SecureString', Value: 'open sesame' });
    const hidden = await get('secure', false);
    expect(hidden?.Value).not.toContain('sesame');
    expect(Buffer.from(hidden?.Value ?? '', 'base64').toString()).not.toContain('sesame');
  });

  it('keeps accounts and regions apart', async () => {
    await put('apart', 'here');
    await expect(other.send(new GetParameterCommand({ Name: 'apart' }))).rejects.toEqual(
      error('ParameterNotFound', 'apart'),
    );
    await expect(other.send(new GetParameterCommand({ Name: arn('apart') }))).rejects.toEqual(
      error('ParameterNotFound', ''),
    );
  });

  it('finds by ARN, version and label', async () => {
    await put('/pick/me', 'one');
    await put('/pick/me', 'two', { Overwrite: true });
    await ssm.send(new LabelParameterVersionCommand({ Name: '/pick/me', ParameterVersion: 1, Labels: ['prod'] }));
    for (const [name, value, selector] of [
      ['/pick/me', 'two', undefined],
      ['/pick/me:1', 'one', ':1'],
      ['/pick/me:prod', 'one', ':prod'],
      [arn('/pick/me'), 'two', undefined],
      [`${arn('/pick/me')}:1`, 'one', ':1'],
    ] as const) {
      const found = await get(name);
      expect(found).toMatchObject({ Name: '/pick/me', Value: value });
      expect(found?.Selector).toBe(selector);
    }
    await put('plain', 'p');
    expect(await get(arn('plain'))).toMatchObject({ Name: 'plain' });
    await expect(get('/pick/me:3')).rejects.toEqual(error('ParameterVersionNotFound', 'version 3 of /pick/me'));
    await expect(get('/pick/me:dev')).rejects.toEqual(error('ParameterVersionNotFound', 'label dev'));
    await expect(get('/pick/none')).rejects.toEqual(error('ParameterNotFound', '/pick/none'));
  });

  it('overwrites only when told to, and never changes the type', async () => {
    await put('again', 'one');
    await expect(put('again', 'two')).rejects.toEqual(error('ParameterAlreadyExists', 'set the overwrite option'));
    expect(await put('again', 'two', { Overwrite: true, Type: undefined })).toMatchObject({ Version: 2 });
    await expect(put('again', 'x', { Overwrite: true, Type: 'SecureString' })).rejects.toEqual(
      error('HierarchyTypeMismatchException', "doesn't support changing"),
    );
    await expect(put('again', 'x', { Overwrite: true, Tags: [{ Key: 'a', Value: 'b' }] })).rejects.toEqual(
      error('ValidationException', "tags and overwrite can't be used together"),
    );
    await expect(put('typeless', 'x', { Type: undefined })).rejects.toEqual(
      error('ValidationException', 'A parameter type is required'),
    );
  });

  it('gives each of many writers a version of its own', async () => {
    await put('crowd', '0');
    const versions = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => (await put('crowd', `${index}`, { Overwrite: true })).Version),
    );
    expect(versions.sort((one = 0, two = 0) => one - two)).toEqual(Array.from({ length: 20 }, (_, index) => index + 2));
  });

  it.each([
    ['aws-thing', 'ValidationException', 'can\'t be prefixed with "aws" or "ssm"'],
    ['/ssm/thing', 'ValidationException', 'can\'t be prefixed with "ssm"'],
    ['/aws/thing', 'AccessDeniedException', 'reserved parameter name'],
    ['a b', 'ValidationException', 'Only a mix of letters'],
    ['a:b', 'ValidationException', 'Only a mix of letters'],
    ['no/slash/first', 'ValidationException', 'fully qualified name'],
    [`/${'a/'.repeat(15)}b`, 'HierarchyLevelLimitExceededException', 'maximum of 15 levels'],
    ['a'.repeat(1012), 'ValidationException', '1011'],
  ])('refuses the name %s', async (name, code, message) => {
    await expect(put(name, 'x')).rejects.toEqual(error(code, message));
  });

  it('bounds values by tier', async () => {
    await expect(put('big', 'x'.repeat(4097))).rejects.toEqual(error('ValidationException', 'Standard tier .* 4096'));
    expect(await put('big', 'x'.repeat(4097), { Tier: 'Intelligent-Tiering' })).toMatchObject({ Tier: 'Advanced' });
    await expect(put('big', 'x', { Overwrite: true, Tier: 'Standard' })).rejects.toEqual(
      error('ValidationException', "can't downgrade"),
    );
    expect(await put('big', 'x'.repeat(8192), { Overwrite: true })).toMatchObject({ Tier: 'Advanced' });
    await expect(put('huge', 'x'.repeat(8193), { Tier: 'Advanced' })).rejects.toEqual(
      error('ValidationException', 'Advanced tier .* 8192'),
    );
    await expect(put('empty', '')).rejects.toEqual(error('ValidationException', 'length greater than or equal to 1'));
  });

  it('holds values against their pattern, and ends patterns that would never end', async () => {
    await put('year', '2026', { AllowedPattern: '\\d{4}' });
    await expect(put('year2', 'next', { AllowedPattern: '\\d{4}' })).rejects.toEqual(
      error('ParameterPatternMismatchException', 'allowedPattern'),
    );
    await expect(put('broken', 'x', { AllowedPattern: '(' })).rejects.toEqual(
      error('InvalidAllowedPatternException', ''),
    );
    await expect(put('endless', `${'a'.repeat(50)}b`, { AllowedPattern: '(a+)+' })).rejects.toEqual(
      error('InvalidAllowedPatternException', ''),
    );
    await put('list', '1,2,3', { Type: 'StringList', AllowedPattern: '\\d' });
  });

  it('takes no reference to another parameter for a value', async () => {
    for (const value of ['{{ssm:other}}', 'a {{ b }} c'])
      await expect(put('nested', value)).rejects.toEqual(error('ValidationException', "can't nest another parameter"));
    await put('nested', '{"a":{"b":{}}}');
  });

  it('refuses what it does not do', async () => {
    await expect(put('kms', 'x', { Type: 'SecureString', KeyId: 'alias/mine' })).rejects.toEqual(
      error('InvalidKeyId', 'alias/mine'),
    );
    await put('kms', 'x', { Type: 'SecureString', KeyId: 'alias/aws/ssm' });
    await expect(put('ami', 'ami-1', { DataType: 'aws:ec2:image' })).rejects.toEqual(
      error('ValidationException', 'does not implement the data type'),
    );
    await expect(put('policy', 'x', { Policies: '[{"Type":"Expiration"}]' })).rejects.toEqual(
      error('InvalidPolicyTypeException', 'does not implement'),
    );
    await expect(ssm.send(new ListDocumentsCommand({}))).rejects.toEqual(
      error('UnsupportedOperationException', 'does not implement ListDocuments'),
    );
  });

  it('never repeats a value in an error', async () => {
    for (const more of [{ AllowedPattern: 'a' }, { Tier: 'Wrong' as 'Standard' }, { Type: 'Wrong' as 'String' }]) {
      const thrown: Error = await put('quiet', 'hush-hush', more).then(
        () => new Error('it was accepted'),
        (reason) => reason,
      );
      expect(thrown.name).not.toBe('Error');
      expect(JSON.stringify({ ...thrown, message: thrown.message })).not.toContain('hush');
    }
  });
});

describe('GetParameters', () => {
  it('tells what it found and what it did not', async () => {
    await put('/many/a', '1');
    await put('/many/b', '2', { Type: 'SecureString' });
    const Names = ['/many/a', '/many/b:1', '/many/c', '/many/a:9'];
    const answer = await ssm.send(new GetParametersCommand({ Names, WithDecryption: true }));
    expect(answer.Parameters?.map(({ Name, Value, Selector }) => [Name, Value, Selector])).toEqual([
      ['/many/a', '1', undefined],
      ['/many/b', '2', ':1'],
    ]);
    expect(answer.InvalidParameters).toEqual(['/many/c', '/many/a:9']);
    await expect(
      ssm.send(new GetParametersCommand({ Names: Array.from({ length: 11 }, (_, index) => `n${index}`) })),
    ).rejects.toEqual(error('ValidationException', 'less than or equal to 10'));
  });
});

describe('GetParametersByPath', () => {
  it('walks one level or all, page by page', async () => {
    const names = ['/tree/a', '/tree/b/1', '/tree/b/2', '/tree/b/3/deep', '/tree/c', '/tree/d', '/treetop'];
    for (const name of names) await put(name, name);
    const all = async (Recursive: boolean, MaxResults: number) => {
      const found: string[] = [];
      const pages = paginateGetParametersByPath({ client: ssm, pageSize: MaxResults }, { Path: '/tree', Recursive });
      for await (const { Parameters = [] } of pages) {
        expect(Parameters.length).toBeLessThanOrEqual(MaxResults);
        found.push(...Parameters.map(({ Name = '' }) => Name));
      }
      return found;
    };
    for (const size of [1, 2, 3, 10]) {
      expect(await all(true, size)).toEqual(names.slice(0, -1));
      expect(await all(false, size)).toEqual(['/tree/a', '/tree/c', '/tree/d']);
    }
    const slash = await ssm.send(new GetParametersByPathCommand({ Path: '/tree/b/' }));
    expect(slash.Parameters?.map(({ Name }) => Name)).toEqual(['/tree/b/1', '/tree/b/2']);
    await ssm.send(new LabelParameterVersionCommand({ Name: '/tree/c', Labels: ['live'] }));
    const labelled = await ssm.send(
      new GetParametersByPathCommand({ Path: '/tree', ParameterFilters: [{ Key: 'Label', Values: ['live'] }] }),
    );
    expect(labelled.Parameters?.map(({ Name }) => Name)).toEqual(['/tree/c']);
  });

  it('refuses bad paths, filters and tokens', async () => {
    await expect(ssm.send(new GetParametersByPathCommand({ Path: 'tree' }))).rejects.toEqual(
      error('ValidationException', 'must begin with a forward slash'),
    );
    await expect(
      ssm.send(new GetParametersByPathCommand({ Path: '/', ParameterFilters: [{ Key: 'Name', Values: ['x'] }] })),
    ).rejects.toEqual(error('InvalidFilterKey', 'Name'));
    await expect(ssm.send(new GetParametersByPathCommand({ Path: '/', NextToken: 'abc' }))).rejects.toEqual(
      error('InvalidNextToken', 'not valid'),
    );
  });
});

describe('history and labels', () => {
  it('shows every version with its labels', async () => {
    for (const [index, value] of ['a', 'b', 'c'].entries())
      await put('/past', value, { Overwrite: index > 0, Type: 'SecureString', Description: `nr ${index}` });
    const label = async (ParameterVersion: number | undefined, ...Labels: string[]) =>
      await ssm.send(new LabelParameterVersionCommand({ Name: '/past', ParameterVersion, Labels }));
    expect(await label(1, 'stable', '1st', 'aws-x')).toMatchObject({
      InvalidLabels: ['1st', 'aws-x'],
      ParameterVersion: 1,
    });
    expect(await label(undefined, 'stable', 'new')).toMatchObject({ InvalidLabels: [], ParameterVersion: 3 });
    const history = async (WithDecryption: boolean) =>
      (await ssm.send(new GetParameterHistoryCommand({ Name: '/past', WithDecryption }))).Parameters ?? [];
    expect(
      (await history(true)).map(({ Version, Value, Labels, Description }) => [Version, Value, Labels, Description]),
    ).toEqual([
      [1, 'a', [], 'nr 0'],
      [2, 'b', [], 'nr 1'],
      [3, 'c', ['new', 'stable'], 'nr 2'],
    ]);
    expect((await history(false)).every(({ Value = '' }) => Value.length > 1)).toBe(true);
    const removed = await ssm.send(
      new UnlabelParameterVersionCommand({ Name: '/past', ParameterVersion: 3, Labels: ['new', 'never'] }),
    );
    expect(removed).toMatchObject({ RemovedLabels: ['new'], InvalidLabels: ['never'] });
    await expect(label(7, 'x')).rejects.toEqual(error('ParameterVersionNotFound', 'version 7'));
    await expect(label(3, ...Array.from({ length: 10 }, (_, index) => `l${index}`))).rejects.toEqual(
      error('ParameterVersionLabelLimitExceeded', 'maximum 10 labels'),
    );
  });

  it('keeps a hundred versions, and those that somebody labelled', async () => {
    for (let version = 1; version <= 102; version += 1) await put('long', `${version}`, { Overwrite: version > 1 });
    await expect(get('long:2')).rejects.toEqual(error('ParameterVersionNotFound', ''));
    expect(await get('long:3')).toMatchObject({ Value: '3' });
    await ssm.send(new LabelParameterVersionCommand({ Name: 'long', ParameterVersion: 3, Labels: ['keep'] }));
    await expect(put('long', 'x', { Overwrite: true })).rejects.toEqual(
      error('ParameterMaxVersionLimitExceeded', 'Version 3'),
    );
  });
});

describe('DescribeParameters', () => {
  it('filters, pages, and shows no values', async () => {
    await put('/desc/a', 'value-a', { Tags: [{ Key: 'team', Value: 'blue' }] });
    await put('/desc/b', 'value-b', { Type: 'SecureString', Description: 'second' });
    await put('/desc/sub/c', 'value-c', { Tier: 'Advanced' });
    const names = async (...ParameterFilters: object[]) => {
      const { Parameters = [] } = await ssm.send(
        new DescribeParametersCommand({ ParameterFilters: ParameterFilters as [] }),
      );
      expect(JSON.stringify(Parameters)).not.toContain('value-');
      return Parameters.map(({ Name }) => Name);
    };
    const below = { Key: 'Path', Option: 'Recursive', Values: ['/desc'] };
    expect(await names(below)).toEqual(['/desc/a', '/desc/b', '/desc/sub/c']);
    expect(await names({ Key: 'Path', Values: ['/desc'] })).toEqual(['/desc/a', '/desc/b']);
    expect(await names(below, { Key: 'Type', Values: ['SecureString'] })).toEqual(['/desc/b']);
    expect(await names(below, { Key: 'Tier', Values: ['Advanced'] })).toEqual(['/desc/sub/c']);
    expect(await names({ Key: 'tag:team', Values: ['blue', 'red'] })).toEqual(['/desc/a']);
    expect(await names({ Key: 'tag:team' })).toEqual(['/desc/a']);
    expect(await names({ Key: 'Name', Values: ['/desc/b'] })).toEqual(['/desc/b']);
    expect(await names({ Key: 'Name', Option: 'Contains', Values: ['esc/s'] })).toEqual(['/desc/sub/c']);
    expect(await names({ Key: 'Name', Option: 'BeginsWith', Values: ['/desc/a', '/desc/b'] })).toEqual([
      '/desc/a',
      '/desc/b',
    ]);
    const [described] =
      (await ssm.send(new DescribeParametersCommand({ ParameterFilters: [{ Key: 'Name', Values: ['/desc/b'] }] })))
        .Parameters ?? [];
    expect(described).toMatchObject({
      ARN: arn('/desc/b'),
      Type: 'SecureString',
      KeyId: 'alias/aws/ssm',
      Description: 'second',
      Version: 1,
      Tier: 'Standard',
      DataType: 'text',
      LastModifiedUser: `arn:aws:iam::${accountId}:root`,
    });
    const paged: (string | undefined)[] = [];
    for await (const { Parameters = [] } of paginateDescribeParameters(
      { client: ssm, pageSize: 1 },
      { ParameterFilters: [below] },
    ))
      paged.push(...Parameters.map(({ Name }) => Name));
    expect(paged).toEqual(['/desc/a', '/desc/b', '/desc/sub/c']);
    await expect(names({ Key: 'Type', Values: ['Blob'] })).rejects.toEqual(error('InvalidFilterValue', 'Blob'));
    await expect(names({ Key: 'Type', Option: 'BeginsWith', Values: ['S'] })).rejects.toEqual(
      error('InvalidFilterOption', 'BeginsWith'),
    );
  });
});

describe('deletion and tags', () => {
  it('forgets parameters, and starts anew under their names', async () => {
    await put('gone', 'old', { Type: 'SecureString' });
    await put('gone', 'older', { Overwrite: true, Type: 'SecureString' });
    await ssm.send(new DeleteParameterCommand({ Name: 'gone' }));
    await expect(ssm.send(new DeleteParameterCommand({ Name: 'gone' }))).rejects.toEqual(
      error('ParameterNotFound', 'gone'),
    );
    expect(await put('gone', 'new')).toMatchObject({ Version: 1 });
    const answer = await ssm.send(new DeleteParametersCommand({ Names: ['gone', 'never'] }));
    expect(answer).toMatchObject({ DeletedParameters: ['gone'], InvalidParameters: ['never'] });
  });

  it('adds, lists and removes tags', async () => {
    await put('tagged', 'x', { Tags: [{ Key: 'a', Value: '1' }] });
    const resource = { ResourceType: 'Parameter', ResourceId: 'tagged' } as const;
    const added = [
      { Key: 'a', Value: '2' },
      { Key: 'b', Value: '' },
    ];
    await ssm.send(new AddTagsToResourceCommand({ ...resource, Tags: added }));
    await ssm.send(new RemoveTagsFromResourceCommand({ ...resource, TagKeys: ['b'] }));
    const listed = await ssm.send(new ListTagsForResourceCommand(resource));
    expect(listed.TagList).toEqual([{ Key: 'a', Value: '2' }]);
    const many = Array.from({ length: 50 }, (_, index) => ({ Key: `k${index}`, Value: 'v' }));
    await expect(ssm.send(new AddTagsToResourceCommand({ ...resource, Tags: many }))).rejects.toEqual(
      error('TooManyTagsError', '50'),
    );
    await expect(ssm.send(new ListTagsForResourceCommand({ ...resource, ResourceId: 'none' }))).rejects.toEqual(
      error('InvalidResourceId', ''),
    );
    await expect(ssm.send(new ListTagsForResourceCommand({ ...resource, ResourceType: 'Document' }))).rejects.toEqual(
      error('InvalidResourceType', 'Document'),
    );
  });
});
