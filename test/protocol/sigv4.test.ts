import { createHash, createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AwsError } from '../../api/errors.ts';
import { createVerifier } from '../../api/sigv4.ts';
import { presign, rootKey, type Signable, type SignedParts, sessionKey, sign, urlOf } from './support.ts';

const host = 'api.example:4566';
const now = new Date('2026-01-31T12:00:00Z');
const ecs = { signingName: 'ecs', allowsUnsignedPayload: false };
const keys = new Map([rootKey, sessionKey].map((key) => [key.accessKeyId, key]));
const verifier = createVerifier({
  credentials: { find: (id) => Promise.resolve(keys.get(id)) },
  clock: () => now.getTime(),
  clockSkew: 300,
});

interface Change {
  readonly method?: string;
  readonly url?: string;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: string;
}

/** `ok <account>` or the error's code and message. */
async function verdict(parts: SignedParts, change: Change = {}, service = ecs): Promise<string> {
  const headers = Object.entries({ ...parts.headers, ...change.headers })
    .filter((entry): entry is [string, string] => entry[1] !== undefined)
    .map(([name, value]) => [name.toLowerCase(), value] as const);
  const request = {
    method: change.method ?? parts.method,
    url: change.url ?? urlOf(parts),
    headers: new Map(headers),
  };
  try {
    return `ok ${(await verifier(request, Buffer.from(change.body ?? parts.body), service)).accountId}`;
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    expect(error.status).toBe(400);
    return `${error.code}: ${error.message}`;
  }
}

const signed = (signable: Signable = {}) => sign(host, { date: now, ...signable });
const presigned = (signable: Signable & { expiresIn?: number } = {}) => presign(host, { date: now, ...signable });
const at = (seconds: number) => new Date(now.getTime() + seconds * 1000);
const authorization = async (edit: (text: string) => string): Promise<string> => {
  const parts = await signed();
  return verdict(parts, { headers: { authorization: edit(parts.headers.authorization ?? '') } });
};

const mismatch = /^InvalidSignatureException: The request signature we calculated does not match/;

describe("what the SDK's signer signs is accepted", () => {
  test('in the header and in the query, with and without a session token', async () => {
    expect(await verdict(await signed())).toBe('ok 000000000000');
    expect(await verdict(await signed({ key: sessionKey }))).toBe('ok 111111111111');
    expect(await verdict(await presigned())).toBe('ok 000000000000');
    expect(await verdict(await presigned({ key: sessionKey }))).toBe('ok 111111111111');
  });

  test('any path, query, header and body', async () => {
    const text = fc.string({ unit: 'binary', maxLength: 8 });
    const segment = fc.oneof(text.map(encodeURIComponent), fc.constantFrom('.', '..', '', 'a', '%2F', '~', '*'));
    const header = fc.string({ unit: fc.constantFrom('a', ' ', '\t', ',', 'é', '"'), maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          method: fc.constantFrom('GET', 'POST', 'DELETE'),
          path: fc.array(segment, { maxLength: 5 }).map((segments) => `/${segments.join('/')}`),
          query: fc.dictionary(
            text.filter((name) => name !== '' && !/^x-amz-/i.test(name)),
            fc.oneof(text, fc.array(text, { minLength: 1, maxLength: 3 })),
            { maxKeys: 4, noNullPrototype: true },
          ),
          value: header,
          body: text,
          service: fc.constantFrom('ecs', 'ecr'),
          region: fc.constantFrom('us-east-1', 'us-gov-west-1', 'ap-southeast-7'),
        }),
        async ({ value, service, ...rest }) => {
          const parts = await signed({ ...rest, service, headers: { 'x-amz-note': value } });
          const expected = { signingName: service, allowsUnsignedPayload: false };
          expect(await verdict(parts, {}, expected)).toBe('ok 000000000000');
          expect(await verdict(parts, { body: `${parts.body}!` }, expected)).toMatch(/^InvalidSignatureException/);
          expect(await verdict(parts, { headers: { 'x-amz-note': `${value}!` } }, expected)).toMatch(mismatch);
        },
      ),
      { numRuns: 300 },
    );
  });

  test("with a Date header in X-Amz-Date's place", async () => {
    const date = now.toUTCString();
    const hash = (text: string) => createHash('sha256').update(text).digest('hex');
    const hmac = (key: Buffer | string, text: string) => createHmac('sha256', key).update(text).digest();
    const canonical = `POST\n/\n\ndate:${date}\nhost:${host}\n\ndate;host\n${hash('{}')}`;
    const scope = '20260131/us-east-1/ecs/aws4_request';
    const key = scope.split('/').reduce<Buffer | string>(hmac, `AWS4${rootKey.secretAccessKey}`);
    const signature = hmac(key, `AWS4-HMAC-SHA256\n20260131T120000Z\n${scope}\n${hash(canonical)}`).toString('hex');
    const credential = `Credential=${rootKey.accessKeyId}/${scope}`;
    const authorization = `AWS4-HMAC-SHA256 ${credential},SignedHeaders=date;host,Signature=${signature}`;
    const parts = { method: 'POST', path: '/', query: {}, headers: { host, date, authorization }, body: '{}' };
    expect(await verdict(parts)).toBe('ok 000000000000');
    expect(await verdict(parts, { headers: { date: 'soon' } })).toMatch(/^IncompleteSignatureException: Date must be/);
  });
});

describe('what was changed after signing is refused', () => {
  test('body, method, path, query and signed headers', async () => {
    const parts = await signed({ query: { a: '1' }, headers: { 'x-amz-target': 'A.B' } });
    expect(await verdict(parts, { body: '{"a":1}' })).toBe(
      "InvalidSignatureException: The provided 'x-amz-content-sha256' header does not match what was computed.",
    );
    expect(await verdict(parts, { method: 'PUT' })).toMatch(mismatch);
    expect(await verdict(parts, { url: '/other?a=1' })).toMatch(mismatch);
    expect(await verdict(parts, { url: '/?a=2' })).toMatch(mismatch);
    expect(await verdict(parts, { url: '/' })).toMatch(mismatch);
    expect(await verdict(parts, { headers: { host: 'elsewhere' } })).toMatch(mismatch);
    expect(await verdict(parts, { headers: { 'x-amz-target': 'A.C' } })).toMatch(mismatch);
    expect(await verdict(parts, { headers: { 'x-amz-target': undefined } })).toBe(
      "InvalidSignatureException: The signed header 'x-amz-target' is not in the request.",
    );
    expect(await verdict(parts, { headers: { 'x-unsigned': 'is free' } })).toBe('ok 000000000000');
  });

  test('the body of a presigned request', async () => {
    expect(await verdict(await presigned(), { body: '{"a":1}' })).toMatch(mismatch);
  });

  test('a body hash that says nothing', async () => {
    const parts = await signed({ headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } });
    expect(await verdict(parts)).toMatch(
      /^InvalidSignatureException: The value of 'x-amz-content-sha256' is not accepted/,
    );
    expect(await verdict(parts, { body: 'other' }, { ...ecs, allowsUnsignedPayload: true })).toBe('ok 000000000000');
    const streaming = await signed({ headers: { 'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD' } });
    expect(await verdict(streaming, {}, { ...ecs, allowsUnsignedPayload: true })).toMatch(/is not accepted/);
  });
});

describe('time', () => {
  test('the window is open at both ends and closed beyond', async () => {
    expect(await verdict(await signed({ date: at(-300) }))).toBe('ok 000000000000');
    expect(await verdict(await signed({ date: at(300) }))).toBe('ok 000000000000');
    expect(await verdict(await signed({ date: at(-301) }))).toBe(
      'InvalidSignatureException: Signature expired: 20260131T115459Z is now earlier than 20260131T115500Z (20260131T120000Z - 5 min.)',
    );
    expect(await verdict(await signed({ date: at(301) }))).toBe(
      'InvalidSignatureException: Signature not yet current: 20260131T120501Z is still later than 20260131T120500Z (20260131T120000Z + 5 min.)',
    );
  });

  test('presigned requests live as long as they say, at most seven days', async () => {
    expect(await verdict(await presigned({ date: at(-3600), expiresIn: 3600 }))).toBe('ok 000000000000');
    expect(await verdict(await presigned({ date: at(-3601), expiresIn: 3600 }))).toMatch(
      /Signature expired: .* - 60 min\.\)$/,
    );
    expect(await verdict(await presigned({ date: at(-604_800), expiresIn: 604_800 }))).toBe('ok 000000000000');
    expect(await verdict(await presigned({ date: at(301) }))).toMatch(/Signature not yet current/);
  });

  test.each(['0', '-1', 'NaN', '1e3', '604801', '9999999', '1.5', ''])('X-Amz-Expires=%s', async (expires) => {
    const parts = await presigned();
    const query = { ...parts.query, 'X-Amz-Expires': expires };
    expect(await verdict({ ...parts, query })).toMatch(/^IncompleteSignatureException: .*X-Amz-Expires/);
  });

  test.each([
    '20260230T120000Z',
    '20260131T250000Z',
    '2026-01-31T12:00:00Z',
    'yesterday',
    '20260131T120000',
  ])('X-Amz-Date: %s', async (date) => {
    expect(await verdict(await signed(), { headers: { 'x-amz-date': date } })).toBe(
      `IncompleteSignatureException: Date must be in ISO-8601 'basic format'. Got '${date}'. See http://en.wikipedia.org/wiki/ISO_8601`,
    );
  });
});

describe('scope', () => {
  test('service, region, terminator and day', async () => {
    expect(await verdict(await signed({ service: 'ecr' }))).toBe(
      "InvalidSignatureException: Credential should be scoped to correct service: 'ecs'.",
    );
    for (const region of ['moon', 'us-east', 'US-EAST-1', 'us-east-1:x', 'us_east_1'])
      expect(await verdict(await signed({ region }))).toMatch(/Credential should be scoped to a valid region/);
    expect(await authorization((text) => text.replace('aws4_request', 'aws5_request'))).toMatch(
      /valid terminator: 'aws4_request', not 'aws5_request'/,
    );
    expect(await authorization((text) => text.replace('/20260131/', '/20260130/'))).toMatch(
      /Date in Credential scope does not match .*'20260130' != '20260131', from '20260131T120000Z'/,
    );
  });
});

describe('requests that are not signed as they must be', () => {
  test('not at all', async () => {
    const missing = 'MissingAuthenticationTokenException: Missing Authentication Token';
    expect(await verdict(await signed(), { headers: { authorization: undefined } })).toBe(missing);
  });

  test('in parts', async () => {
    const incomplete = /^IncompleteSignatureException: /;
    expect(await authorization(() => 'Basic YTpi')).toBe(
      "IncompleteSignatureException: Unsupported AWS 'algorithm': 'Basic'.",
    );
    expect(await authorization(() => 'AWS4-HMAC-SHA256')).toMatch(
      /Authorization header requires 'Credential' parameter\. .*'Signature' parameter\. .*'SignedHeaders' parameter\./,
    );
    expect(await authorization(() => '')).toMatch(incomplete);
    expect(await authorization((text) => text.replace('Signature=', 'Sig'))).toMatch(/not a valid key=value pair/);
    expect(await authorization((text) => text.replace('/ecs/', '/'))).toMatch(/exactly 5 slash-delimited elements/);
    expect(await authorization((text) => text.replace('/ecs/', '/ecs/ecs/'))).toMatch(
      /exactly 5 slash-delimited elements/,
    );
    expect(await authorization((text) => text.replace(/Signature=\w+/, 'Signature=abc'))).toMatch(mismatch);
    expect(await authorization((text) => text.replace(/Signature=\w+/, `Signature=${'z'.repeat(64)}`))).toMatch(
      mismatch,
    );
    expect(await verdict(await signed(), { headers: { 'x-amz-date': undefined } })).toMatch(
      /'X-Amz-Date' or a 'Date' header/,
    );
    const { query, ...parts } = await presigned();
    for (const name of ['Credential', 'Signature', 'SignedHeaders', 'Date', 'Expires']) {
      const rest = Object.fromEntries(Object.entries(query).filter(([key]) => key !== `X-Amz-${name}`));
      expect(await verdict({ ...parts, query: rest })).toMatch(new RegExp(`^Incomplete.*'X-Amz-${name}'`));
    }
  });

  test('without the host, or twice', async () => {
    expect(await authorization((text) => text.replace(/;host/, ''))).toMatch(
      /'Host' or ':authority' must be a 'SignedHeader'/,
    );
    const both = await presigned();
    const { headers } = await signed();
    expect(await verdict(both, { headers: { authorization: headers.authorization } })).toMatch(
      /^InvalidSignatureException: Found both/,
    );
  });

  test('a query that cannot be decoded', async () => {
    expect(await verdict(await signed(), { url: '/?a=%zz' })).toMatch(/^IncompleteSignatureException/);
  });

  test('a session token where the key has none, and the other way round', async () => {
    const unknown = 'UnrecognizedClientException: The security token included in the request is invalid.';
    const token = { sessionToken: undefined };
    expect(await verdict(await signed({ key: { ...rootKey, sessionToken: 'x' } }))).toBe(unknown);
    expect(await verdict(await presigned({ key: { ...sessionKey, ...token } }))).toBe(unknown);
    expect(await verdict(await presigned({ key: { ...sessionKey, sessionToken: 'x' } }))).toBe(unknown);
    expect(await verdict(await signed({ key: { ...rootKey, accessKeyId: 'AKIAZZZZZZZZZZZZZZZZ' } }))).toBe(unknown);
  });
});
