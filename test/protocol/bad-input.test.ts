import { once } from 'node:events';
import { connect } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, call, send, sign, startApi, type TestApi, target } from './support.ts';

let api: TestApi;
let received: unknown;

beforeAll(async () => {
  api = await startApi({
    RunTask: async (input) => {
      received = input;
      return { tasks: [] };
    },
    RegisterTaskDefinition: async (input) => {
      received = input;
      return { taskDefinition: input };
    },
    CreateService: async (input) => {
      received = input;
      return {};
    },
    ListTasks: async (input) => {
      received = input;
      return {};
    },
  });
});

afterAll(() => api.close());

const run = (body: string) => call(api.port, 'RunTask', body);
const register = (body: string) => call(api.port, 'RegisterTaskDefinition', body);

function expectError(answer: Answer, type: string, message: string | RegExp, status = 400): void {
  expect({ status: answer.status, type: answer.type }).toEqual({ status, type });
  expect(answer.message).toMatch(message);
  expect(answer.headers['x-amzn-errortype']).toBe(type);
  expect(answer.headers['x-amzn-requestid']).toMatch(/^[0-9a-f-]{36}$/);
  expect(answer.headers['content-type']).toBe('application/x-amz-json-1.1');
}

describe('bodies', () => {
  test.each([
    ['', 'The request body is not valid JSON.'],
    ['{', 'The request body is not valid JSON.'],
    ['{"taskDefinition":"a",}', 'The request body is not valid JSON.'],
    ['{} {}', 'The request body is not valid JSON.'],
    ['null', 'The request body is not a JSON object.'],
    ['"text"', 'The request body is not a JSON object.'],
    ['1', 'The request body is not a JSON object.'],
    ['[]', 'Start of list found where not expected'],
    ['{"taskDefinition":1}', 'NUMBER_VALUE cannot be converted to String'],
    ['{"taskDefinition":true}', 'TRUE_VALUE cannot be converted to String'],
    ['{"taskDefinition":["a"]}', 'Start of list found where not expected'],
    ['{"taskDefinition":{}}', 'Start of structure or map found where not expected.'],
    ['{"count":"1"}', 'STRING_VALUE cannot be converted to Integer'],
    ['{"count":"NaN"}', 'STRING_VALUE cannot be converted to Integer'],
    ['{"count":1.5}', 'NUMBER_VALUE cannot be converted to Integer'],
    ['{"count":1e999}', 'NUMBER_VALUE cannot be converted to Integer'],
    ['{"count":2147483648}', 'NUMBER_VALUE cannot be converted to Integer'],
    ['{"count":-99999999999999999999}', 'NUMBER_VALUE cannot be converted to Integer'],
    ['{"enableExecuteCommand":"true"}', 'STRING_VALUE cannot be converted to Boolean'],
    ['{"enableExecuteCommand":0}', 'NUMBER_VALUE cannot be converted to Boolean'],
    ['{"tags":"a"}', 'Expected list or null'],
    ['{"tags":{}}', 'Start of structure or map found where not expected.'],
    ['{"tags":["a"]}', 'Expected null'],
    ['{"tags":[[]]}', 'Start of list found where not expected'],
    ['{"overrides":1}', 'Expected null'],
    [
      '{"overrides":{"containerOverrides":[{"environment":[{"name":false}]}]}}',
      'FALSE_VALUE cannot be converted to String',
    ],
    ['{"networkConfiguration":{"awsvpcConfiguration":{"subnets":[1]}}}', 'NUMBER_VALUE cannot be converted to String'],
  ])('%s', async (body, message) => expectError(await run(body), 'SerializationException', message));

  test('bytes that are not UTF-8', async () => {
    const bytes = Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]);
    const signed = await sign(`127.0.0.1:${api.port}`, {
      headers: { 'x-amz-target': target('RunTask') },
      body: bytes as unknown as string,
    });
    expectError(await send(api.port, { ...signed, body: bytes }), 'SerializationException', /UTF-8/);
  });

  test('maps', async () => {
    const withLabels = (labels: string) => `{"family":"f","containerDefinitions":[{"dockerLabels":${labels}}]}`;
    expectError(await register(withLabels('[]')), 'SerializationException', 'Start of list found where not expected');
    expectError(await register(withLabels('"a"')), 'SerializationException', 'Expected map or null');
    expectError(
      await register(withLabels('{"a":1}')),
      'SerializationException',
      'NUMBER_VALUE cannot be converted to String',
    );
  });

  test('nesting that no stack survives', async () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);
    expectError(await run(`{"tags":${deep}}`), 'SerializationException', 'Start of list found where not expected');
    const unknown = await run(`{"taskDefinition":"a","unknown":${deep}}`);
    expect(unknown.status).toBe(200);
    const hooks = `{"serviceName":"a","deploymentConfiguration":{"lifecycleHooks":[{"hookDetails":${deep}}]}}`;
    expectError(
      await call(api.port, 'CreateService', hooks),
      'SerializationException',
      'The request is nested too deeply.',
    );
  });
});

describe('what is accepted', () => {
  test('null is absent, at any depth and in lists and maps', async () => {
    await register(
      '{"family":"f","cpu":null,"containerDefinitions":[null,{"name":"a","image":null,"command":["x",null],"dockerLabels":{"a":null,"b":"c"}}]}',
    );
    expect(received).toStrictEqual({
      family: 'f',
      containerDefinitions: [{ name: 'a', command: ['x'], dockerLabels: { b: 'c' } }],
    });
  });

  test('unknown members and __type are ignored, the last of two equal keys counts', async () => {
    const answer = await run(
      '{"__type":"X","taskDefinition":"a","taskDefinition":"b","more":1,"overrides":{"__type":"Y","z":2}}',
    );
    expect(answer).toMatchObject({ status: 200, text: '{"tasks":[]}' });
    expect(received).toStrictEqual({ taskDefinition: 'b', overrides: {} });
  });

  test('names of the prototype are data', async () => {
    const body =
      '{"__proto__":{"cluster":"evil"},"constructor":1,"family":"f","containerDefinitions":[{"dockerLabels":{"__proto__":"a","constructor":"b"}}]}';
    const answer = await register(body);
    expect(received).not.toHaveProperty('cluster');
    expect(answer.text).toContain('{"dockerLabels":{"__proto__":"a","constructor":"b"}}');
    expect(({} as Record<string, unknown>).cluster).toBeUndefined();
  });

  test('an integer that is written as a fraction', async () => {
    await run('{"taskDefinition":"a","count":2.0}');
    expect(received).toStrictEqual({ taskDefinition: 'a', count: 2 });
  });
});

describe('the model', () => {
  test('required members, where they are missing', async () => {
    const message = (at: string) =>
      `1 validation error detected: Value null at '${at}' failed to satisfy constraint: Member must not be null`;
    expectError(await run('{}'), 'InvalidParameterException', message('taskDefinition'));
    expectError(await run('{"taskDefinition":null}'), 'InvalidParameterException', message('taskDefinition'));
    expectError(
      await register('{"family":"f","containerDefinitions":[{},{"logConfiguration":{}}]}'),
      'InvalidParameterException',
      message('containerDefinitions.2.member.logConfiguration.logDriver'),
    );
  });

  test('bounds of values', async () => {
    const weight = (value: number) =>
      `{"taskDefinition":"a","capacityProviderStrategy":[{"capacityProvider":"FARGATE","weight":${value}}]}`;
    expect((await run(weight(1000))).status).toBe(200);
    expectError(
      await run(weight(1001)),
      'InvalidParameterException',
      "Value '1001' at 'capacityProviderStrategy.1.member.weight' failed to satisfy constraint: Member must have value less than or equal to 1000",
    );
    expectError(
      await run(weight(-1)),
      'InvalidParameterException',
      'Member must have value greater than or equal to 0',
    );
  });

  test('lengths count characters, and lists their elements', async () => {
    const tag = (key: string) => `{"taskDefinition":"a","tags":[{"key":"${key}","value":""}]}`;
    expect((await run(tag('𝒳'.repeat(128)))).status).toBe(200);
    expectError(await run(tag('𝒳'.repeat(129))), 'InvalidParameterException', 'length less than or equal to 128');
    expectError(await run(tag('')), 'InvalidParameterException', 'length greater than or equal to 1');
    const tags = Array.from({ length: 51 }, (_, index) => ({ key: `k${index}` }));
    expectError(
      await run(JSON.stringify({ taskDefinition: 'a', tags })),
      'InvalidParameterException',
      /at 'tags' failed to satisfy constraint: Member must have length less than or equal to 50$/,
    );
  });

  test('patterns hold over the whole text', async () => {
    expectError(
      await run('{"taskDefinition":"a","tags":[{"key":"ok\\n!"}]}'),
      'InvalidParameterException',
      /failed to satisfy constraint: Member must satisfy regular expression pattern: \(\[\\p\{L\}/,
    );
  });

  test('enums in lists are told at the list', async () => {
    expectError(
      await register('{"family":"f","containerDefinitions":[],"requiresCompatibilities":["FARGATE","MOON"]}'),
      'InvalidParameterException',
      "Value '[FARGATE, MOON]' at 'requiresCompatibilities' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [EC2, FARGATE, EXTERNAL, MANAGED_INSTANCES]]",
    );
  });

  test('a huge value is not sent back whole', async () => {
    const answer = await run(JSON.stringify({ taskDefinition: 'a', launchType: 'x'.repeat(1_000_000) }));
    expectError(answer, 'InvalidParameterException', 'launchType');
    expect(answer.text.length).toBeLessThan(4000);
  });
});

describe('requests that name nothing', () => {
  const unknown = 'The requested operation is not recognized by the service.';

  test('unknown targets', async () => {
    for (const name of ['Nope', 'toString', '__proto__', ''])
      expectError(await call(api.port, name, '{}'), 'UnknownOperationException', unknown);
    for (const header of ['Other_20200101.RunTask', 'RunTask', '.', 'AmazonEC2ContainerServiceV20141113'])
      expectError(
        await call(api.port, '', '{}', { headers: { 'x-amz-target': header } }),
        'UnknownOperationException',
        unknown,
      );
  });

  test('no target and no content type', async () => {
    const host = `127.0.0.1:${api.port}`;
    expectError(await send(api.port, await sign(host, {})), 'UnknownOperationException', unknown);
    const headers = { 'x-amz-target': target('RunTask'), 'content-type': 'text/plain' };
    expectError(await send(api.port, await sign(host, { headers })), 'UnknownOperationException', unknown);
    const bare = { method: 'POST', path: '/', query: {}, headers: {}, body: '{}' };
    expectError(await send(api.port, bare), 'MissingAuthenticationTokenException', 'Missing Authentication Token');
  });

  test('other paths and methods', async () => {
    const bare = { query: {}, headers: {}, body: '' };
    for (const [method, path] of [
      ['GET', '/'],
      ['POST', '/elsewhere'],
      ['DELETE', '/a/b'],
      ['POST', '/%'],
    ] as const)
      expectError(
        await send(api.port, { ...bare, method, path }),
        'UnknownOperationException',
        'There is nothing',
        404,
      );
  });

  test('health needs no signature', async () => {
    const bare = { method: 'GET', path: '/_longshore/health', query: {}, headers: {}, body: '' };
    expect(await send(api.port, bare)).toMatchObject({ status: 200, text: '{"status":"ok"}' });
  });
});

describe('connections', () => {
  test('a body over the limit is answered, whether its length was told or not', async () => {
    const body = `{"taskDefinition":"${'x'.repeat(5 * 2 ** 20)}"}`;
    expectError(await run(body), 'RequestEntityTooLargeException', '4194304 bytes', 413);
    const signed = await sign(`127.0.0.1:${api.port}`, { headers: { 'x-amz-target': target('RunTask') }, body });
    const headers = { ...signed.headers, 'transfer-encoding': 'chunked' };
    expectError(await send(api.port, { ...signed, headers }), 'RequestEntityTooLargeException', '4194304 bytes', 413);
    expect((await run(`{"taskDefinition":"${'x'.repeat(4_000_000)}"}`)).status).toBe(200);
  });

  test('headers that are sent twice are joined', async () => {
    const host = `127.0.0.1:${api.port}`;
    const signed = await sign(host, {
      headers: { 'x-amz-target': target('RunTask'), 'x-amz-note': 'a,b' },
      body: '{"taskDefinition":"a"}',
    });
    const twice = (note: string[]) => send(api.port, { ...signed, headers: { ...signed.headers, 'x-amz-note': note } });
    expect((await twice(['a', 'b'])).status).toBe(200);
    expectError(await twice(['b', 'a']), 'InvalidSignatureException', 'does not match');
  });

  test('a client that leaves in the middle of its body does no harm', async () => {
    const socket = connect(api.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write(`POST / HTTP/1.1\r\nHost: a\r\nX-Amz-Target: ${target('RunTask')}\r\nContent-Length: 100\r\n\r\n{"a`);
    socket.resetAndDestroy();
    await once(socket, 'close');
    expect((await run('{"taskDefinition":"a"}')).status).toBe(200);
  });

  test.each([
    ['bad Host', 'POST / HTTP/1.1\r\nHost: a b\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'],
    ['no Host', 'POST / HTTP/1.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'],
    ['too much of a header', `POST / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`],
    ['not HTTP', 'hello\r\n\r\n'],
    ['absolute target', 'POST http://elsewhere/ HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'],
  ])('%s', async (_name, bytes) => {
    const text = await raw(bytes);
    expect(text).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect(text).toMatch(/\r\nx-amzn-requestid: [0-9a-f-]{36}\r\n/i);
    expect(text).toMatch(/\r\n\r\n\{"__type":"\w+Exception","message":/);
  });
});

describe('anything at all', () => {
  test('random JSON is answered, never with a 500', async () => {
    const anything = fc.oneof(
      fc.jsonValue(),
      fc.dictionary(fc.constantFrom(...memberNames), fc.jsonValue({ maxDepth: 4 })),
    );
    await fc.assert(
      fc.asyncProperty(
        anything,
        fc.constantFrom('RunTask', 'RegisterTaskDefinition', 'CreateService', 'ListTasks'),
        async (body, operation) => {
          const answer = await call(api.port, operation, JSON.stringify(body));
          if (answer.status !== 200)
            expect(['SerializationException', 'InvalidParameterException']).toContain(answer.type);
          expect([200, 400]).toContain(answer.status);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('random bytes too', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        const body = Buffer.from(bytes);
        const headers = { 'x-amz-target': target('RunTask') };
        const signed = await sign(`127.0.0.1:${api.port}`, { headers, body: body as unknown as string });
        expectError(await send(api.port, { ...signed, body }), 'SerializationException', /./);
      }),
      { numRuns: 100 },
    );
  });
});

const memberNames = [
  'taskDefinition',
  'family',
  'containerDefinitions',
  'count',
  'tags',
  'overrides',
  'networkConfiguration',
  'launchType',
  'serviceName',
  'deploymentConfiguration',
  'volumes',
  'cluster',
  '__proto__',
  '__type',
];

async function raw(bytes: string): Promise<string> {
  const socket = connect(api.port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.end(bytes);
  await once(socket, 'close');
  return Buffer.concat(chunks).toString();
}
