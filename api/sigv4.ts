/**
 * Verification of AWS Signature Version 4, in the Authorization header or in the query (presigned).
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { isRegion } from '../core/scope.ts';
import type { Credential, CredentialSource } from './credentials.ts';
import { AwsError } from './errors.ts';
import type { Caller } from './operation.ts';
import type { WireRequest } from './protocol/wire.ts';

export interface VerifierOptions {
  readonly credentials: CredentialSource;
  readonly clock: Clock;
  /** Seconds that the time in a signature may be off, both ways. */
  readonly clockSkew: number;
}

export interface SignedService {
  readonly signingName: string;
  readonly allowsUnsignedPayload: boolean;
}

/** Resolves to who signed the request; rejects with the AwsError that AWS answers. */
export type Verify = (request: WireRequest, body: Uint8Array, service: SignedService) => Promise<Caller>;

const algorithm = 'AWS4-HMAC-SHA256';
const terminator = 'aws4_request';
/** Seven days, in seconds. */
const longestExpiry = 604_800;
const mismatch =
  'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key ' +
  'and signing method. Consult the service documentation for details.';

export function createVerifier({ credentials, clock, clockSkew }: VerifierOptions): Verify {
  const signingKey = createKeyCache(1000);
  return async (request, body, service) => {
    const claim = readClaim(request);
    const scope = readScope(claim);
    const credential = await credentials.find(scope.accessKeyId, claim.token);
    if (!credential || !tokenMatches(credential, claim.token))
      throw new AwsError('UnrecognizedClientException', 'The security token included in the request is invalid.');
    checkTime(claim, clock(), clockSkew);
    checkScope(scope, claim, service);
    const payloadHash = checkPayload(request, body, service);
    const key = signingKey(credential, scope);
    const expected = createHmac('sha256', key)
      .update(stringToSign(request, claim, scope, payloadHash))
      .digest();
    // What is not 64 hexadecimal digits is never equal; Buffer.from would drop what follows the digits.
    const given = Buffer.from(/^[0-9a-f]{64}$/.test(claim.signature) ? claim.signature : '', 'hex');
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw invalidSignature(mismatch);
    if (credential.expiresAt !== undefined && credential.expiresAt <= clock())
      throw new AwsError('ExpiredTokenException', 'The security token included in the request is expired');
    return {
      accountId: credential.accountId,
      region: scope.region,
      arn: credential.arn ?? `arn:aws:iam::${credential.accountId}:root`,
      accessKeyId: credential.accessKeyId,
    };
  };
}

/** What the request says about its own signature. */
interface Claim {
  readonly presigned: boolean;
  readonly credential: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  /** `20260131T235959Z` */
  readonly date: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** Seconds; of presigned requests only. */
  readonly expires?: number;
  readonly token: string | undefined;
}

function readClaim(request: WireRequest): Claim {
  const query = new Map(parseQuery(request.url));
  const authorization = request.headers.get('authorization');
  const presigned = query.has('X-Amz-Algorithm') || query.has('X-Amz-Signature');
  if (authorization === undefined && !presigned)
    throw new AwsError('MissingAuthenticationTokenException', 'Missing Authentication Token');
  if (authorization !== undefined && presigned)
    throw invalidSignature("Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.");
  const claim = authorization === undefined ? claimOfQuery(query) : claimOfHeader(authorization, request.headers);
  if (!claim.signedHeaders.includes('host'))
    throw invalidSignature("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
  return claim;
}

function claimOfHeader(authorization: string, headers: WireRequest['headers']): Claim {
  const scheme = authorization.split(' ', 1)[0] ?? '';
  if (scheme !== algorithm) throw incomplete(`Unsupported AWS 'algorithm': '${scheme.slice(0, 64)}'.`);
  const fields = new Map(
    authorization
      .slice(scheme.length)
      .split(/[,\s]+/)
      .filter((field) => field !== '')
      .map((field): [string, string] => {
        const equals = field.indexOf('=');
        if (equals < 1)
          throw incomplete(`'${field}' not a valid key=value pair (missing equal-sign) in Authorization header.`);
        return [field.slice(0, equals), field.slice(equals + 1)];
      }),
  );
  const date = headers.get('x-amz-date') ?? basicDate(headers.get('date'));
  const lacking = ['Credential', 'Signature', 'SignedHeaders']
    .filter((name) => !fields.get(name))
    .map((name) => `Authorization header requires '${name}' parameter.`);
  if (!date) lacking.push("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.");
  if (lacking.length > 0 || !date) throw incomplete(lacking.join(' '));
  return {
    presigned: false,
    credential: fields.get('Credential') ?? '',
    signedHeaders: (fields.get('SignedHeaders') ?? '').split(';'),
    signature: fields.get('Signature') ?? '',
    date,
    time: parseDate(date),
    token: headers.get('x-amz-security-token'),
  };
}

function claimOfQuery(query: ReadonlyMap<string, string>): Claim {
  const names = ['Algorithm', 'Credential', 'Signature', 'SignedHeaders', 'Date', 'Expires'];
  const lacking = names.filter((name) => !query.get(`X-Amz-${name}`));
  if (lacking.length > 0)
    throw incomplete(lacking.map((name) => `AWS query-string parameters must include 'X-Amz-${name}'.`).join(' '));
  if (query.get('X-Amz-Algorithm') !== algorithm)
    throw incomplete(`Unsupported AWS 'algorithm': '${query.get('X-Amz-Algorithm')?.slice(0, 64)}'.`);
  const expires = query.get('X-Amz-Expires') ?? '';
  // Digits only: NaN would compare as not expired.
  if (!/^\d{1,6}$/.test(expires) || Number(expires) < 1 || Number(expires) > longestExpiry)
    throw incomplete(`X-Amz-Expires must be a number of seconds from 1 to ${longestExpiry}.`);
  const date = query.get('X-Amz-Date') ?? '';
  return {
    presigned: true,
    credential: query.get('X-Amz-Credential') ?? '',
    signedHeaders: (query.get('X-Amz-SignedHeaders') ?? '').split(';'),
    signature: query.get('X-Amz-Signature') ?? '',
    date,
    time: parseDate(date),
    expires: Number(expires),
    token: query.get('X-Amz-Security-Token'),
  };
}

interface CredentialScope {
  readonly accessKeyId: string;
  /** `20260131` */
  readonly day: string;
  readonly region: string;
  readonly service: string;
  readonly end: string;
}

function readScope({ credential }: Claim): CredentialScope {
  const [accessKeyId, day, region, service, end, more] = credential.split('/');
  if (!accessKeyId || !day || !region || !service || !end || more !== undefined)
    throw incomplete(
      `Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '${credential.slice(0, 128)}'`,
    );
  return { accessKeyId, day, region, service, end };
}

function tokenMatches({ sessionToken }: Credential, given: string | undefined): boolean {
  if (sessionToken === undefined || given === undefined) return sessionToken === given;
  // Digests have one length, whatever was sent.
  return timingSafeEqual(Buffer.from(sha256(sessionToken)), Buffer.from(sha256(given)));
}

/** @param skew seconds */
function checkTime({ date, time, expires }: Claim, now: number, skew: number): void {
  const span = expires ?? skew;
  if (time > now + skew * 1000)
    throw invalidSignature(
      `Signature not yet current: ${date} is still later than ${formatDate(now + skew * 1000)} (${formatDate(now)} + ${spell(skew)}.)`,
    );
  if (time < now - span * 1000)
    throw invalidSignature(
      `Signature expired: ${date} is now earlier than ${formatDate(now - span * 1000)} (${formatDate(now)} - ${spell(span)}.)`,
    );
}

function checkScope({ day, region, service, end }: CredentialScope, { date }: Claim, wanted: SignedService): void {
  const wrong: string[] = [];
  if (!isRegion(region)) wrong.push(`Credential should be scoped to a valid region, not '${region.slice(0, 64)}'.`);
  if (service !== wanted.signingName)
    wrong.push(`Credential should be scoped to correct service: '${wanted.signingName}'.`);
  if (end !== terminator)
    wrong.push(`Credential should be scoped with a valid terminator: '${terminator}', not '${end.slice(0, 64)}'.`);
  if (day !== date.slice(0, 8))
    wrong.push(
      `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${day.slice(0, 64)}' != '${date.slice(0, 8)}', from '${date}'.`,
    );
  if (wrong.length > 0) throw invalidSignature(wrong.join(' '));
}

/** The payload's line in the canonical request, once it is sure that the body is the one that was signed. */
function checkPayload(request: WireRequest, body: Uint8Array, service: SignedService): string {
  const claimed = request.headers.get('x-amz-content-sha256');
  if (claimed !== undefined && !/^[0-9a-f]{64}$/.test(claimed)) {
    if (claimed === 'UNSIGNED-PAYLOAD' && service.allowsUnsignedPayload) return claimed;
    throw invalidSignature(`The value of 'x-amz-content-sha256' is not accepted: '${claimed.slice(0, 64)}'.`);
  }
  const hash = sha256(body);
  if (claimed !== undefined && claimed !== hash)
    throw invalidSignature("The provided 'x-amz-content-sha256' header does not match what was computed.");
  return hash;
}

function stringToSign(request: WireRequest, claim: Claim, scope: CredentialScope, payloadHash: string): string {
  const question = request.url.indexOf('?');
  const path = question < 0 ? request.url : request.url.slice(0, question);
  const headers = claim.signedHeaders.map((name) => {
    const value = request.headers.get(name);
    if (value === undefined) throw invalidSignature(`The signed header '${name.slice(0, 64)}' is not in the request.`);
    return `${name}:${value.trim().replace(/\s+/g, ' ')}\n`;
  });
  const canonical = [
    request.method,
    canonicalPath(path),
    canonicalQuery(parseQuery(request.url)),
    headers.join(''),
    claim.signedHeaders.join(';'),
    payloadHash,
  ].join('\n');
  return `${algorithm}\n${claim.date}\n${scope.day}/${scope.region}/${scope.service}/${terminator}\n${sha256(canonical)}`;
}

/** Everywhere but in S3, the path is normalised and what the client encoded is encoded once more. */
function canonicalPath(path: string): string {
  const segments: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment === '..') segments.pop();
    else segments.push(encode(segment));
  }
  return `/${segments.join('/')}${segments.length > 0 && path.endsWith('/') ? '/' : ''}`;
}

function canonicalQuery(parameters: readonly (readonly [string, string])[]): string {
  return parameters
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x < y ? -1 : x > y ? 1 : 0))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

function parseQuery(url: string): readonly (readonly [string, string])[] {
  const question = url.indexOf('?');
  if (question < 0) return [];
  return url
    .slice(question + 1)
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const equals = pair.indexOf('=');
      return equals < 0 ? [decode(pair), ''] : [decode(pair.slice(0, equals)), decode(pair.slice(equals + 1))];
    });
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    throw new AwsError('IncompleteSignatureException', 'The query string is not correctly encoded.', { cause: error });
  }
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** The derived key of a day, region and service costs four of a verification's five HMACs. */
function createKeyCache(size: number): (credential: Credential, scope: CredentialScope) => Buffer {
  const cache = new Map<string, { readonly secret: string; readonly key: Buffer }>();
  return ({ accessKeyId, secretAccessKey }, { day, region, service }) => {
    const name = `${accessKeyId}/${day}/${region}/${service}`;
    const known = cache.get(name);
    if (known?.secret === secretAccessKey) return known.key;
    const parts = [day, region, service, terminator];
    const key = parts.reduce(
      (previous, part) => createHmac('sha256', previous).update(part).digest(),
      Buffer.from(`AWS4${secretAccessKey}`),
    );
    cache.delete(name);
    cache.set(name, { secret: secretAccessKey, key });
    const oldest = cache.size > size ? cache.keys().next().value : undefined;
    if (oldest !== undefined) cache.delete(oldest);
    return key;
  };
}

/** @throws AwsError unless it is a real moment in ISO 8601's basic format */
function parseDate(date: string): number {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date);
  const time = match
    ? Date.parse(`${match[1]}-${match[2]}-${match[3]}T${match[4]}:${match[5]}:${match[6]}Z`)
    : Number.NaN;
  // Date.parse takes the 31st of a shorter month for the 1st of the next.
  if (Number.isNaN(time) || formatDate(time) !== date)
    throw incomplete(
      `Date must be in ISO-8601 'basic format'. Got '${date.slice(0, 64)}'. See http://en.wikipedia.org/wiki/ISO_8601`,
    );
  return time;
}

/** A Date header's time, as X-Amz-Date writes it; undefined when there is none. */
function basicDate(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  const time = Date.parse(header);
  return Number.isNaN(time) ? header : formatDate(time);
}

function formatDate(time: number): string {
  return new Date(time).toISOString().replace(/[-:]|\.\d+/g, '');
}

function spell(seconds: number): string {
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} sec`;
}

function sha256(data: Uint8Array | string): string {
  return createHash('sha256').update(data).digest('hex');
}

function incomplete(message: string): AwsError {
  return new AwsError('IncompleteSignatureException', message);
}

function invalidSignature(message: string): AwsError {
  return new AwsError('InvalidSignatureException', message);
}
