/** The OCI Distribution Specification 1.1, end-point by end-point: https://github.com/opencontainers/distribution-spec */
import { createHash, randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { CreateRepositoryCommand, PutAccountSettingCommand } from '@aws-sdk/client-ecr';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mediaTypes } from '../../core/registry/manifest.ts';
import { eventually } from '../support/eventually.ts';
import { type ApiStack, createApiStack } from '../support/stack.ts';
import { digestOf, imageManifest, type RegistryClient, registryClient, send } from './client.ts';

const missing = `sha256:${'0'.repeat(64)}`;
let stack: ApiStack;
let client: RegistryClient;
let counter = 0;

beforeAll(async () => {
  stack = await createApiStack();
  client = await registryClient(stack);
});
afterAll(async () => {
  client.ecr.destroy();
  await stack.close();
});

/** A new repository's name. */
async function repository(): Promise<string> {
  counter += 1;
  const repositoryName = `oci/test-${counter}`;
  await client.ecr.send(new CreateRepositoryCommand({ repositoryName }));
  return repositoryName;
}

async function begin(name: string): Promise<string> {
  const { status, headers } = await client.ask('POST', `${name}/blobs/uploads/`);
  expect(status).toBe(202);
  return String(headers.location);
}

async function put(name: string, reference: string, manifest: string, type: string = mediaTypes.ociManifest) {
  return await client.ask('PUT', `${name}/manifests/${reference}`, {
    headers: { 'content-type': type },
    body: manifest,
  });
}

describe('end-1: the API', () => {
  it('answers who is logged in, and says how to log in', async () => {
    expect(await client.ask('GET', '/v2/')).toMatchObject({
      status: 200,
      headers: { 'docker-distribution-api-version': 'registry/2.0' },
    });
    const refused = await send(stack.endpoint, 'GET', '/v2/');
    expect(refused).toMatchObject({ status: 401, code: 'UNAUTHORIZED' });
    expect(refused.headers['www-authenticate']).toBe(`Basic realm="${stack.endpoint}/",service="ecr.amazonaws.com"`);
  });

  it('takes Bearer tokens, which its token endpoint gives for the password', async () => {
    const basic = { authorization: client.authorization };
    const { body } = await send(stack.endpoint, 'GET', '/v2/token?service=ecr.amazonaws.com', { headers: basic });
    const { token, access_token: again, expires_in: seconds } = JSON.parse(body.toString());
    expect(again).toBe(token);
    expect(seconds).toBeGreaterThan(11 * 3600);
    const bearer = { headers: { authorization: `Bearer ${token}` } };
    expect((await send(stack.endpoint, 'GET', '/v2/', bearer)).status).toBe(200);
    const form = new URLSearchParams({ grant_type: 'password', username: 'AWS', password: token }).toString();
    expect((await send(stack.endpoint, 'POST', '/v2/token', { body: form })).status).toBe(200);
    const wrong = await send(stack.endpoint, 'GET', '/v2/', { headers: { authorization: 'Bearer nonsense' } });
    expect(wrong.status).toBe(401);
    expect(wrong.headers['www-authenticate']).toMatch(/^Bearer realm=/);
    expect((await send(stack.endpoint, 'GET', '/v2/token')).status).toBe(401);
  });

  it.each([
    ['no name', 'GET', '/v2/manifests/latest'],
    ['an upper-case name', 'GET', '/v2/Upper/manifests/latest'],
    ['a way out of the folder', 'GET', '/v2/../../etc/manifests/passwd'],
    ['an escaped way out', 'GET', '/v2/a/%2e%2e/manifests/passwd'],
    ['a name of 300 characters', 'GET', `/v2/${'a'.repeat(300)}/manifests/latest`],
    ['a path that is none', 'GET', '/v2/oci/nothing/here/at/all'],
  ])('refuses %s', async (_, method, path) => {
    const { status, code } = await client.ask(method, path);
    expect([400, 404]).toContain(status);
    expect(code).toBe('NAME_INVALID');
  });

  it('tells an unknown repository from a known one', async () => {
    const unknown = await client.ask('GET', 'oci/none/manifests/latest');
    expect(unknown).toMatchObject({ status: 404, code: 'NAME_UNKNOWN' });
    expect(unknown.message).toBe(
      "The repository with name 'oci/none' does not exist in the registry with id '000000000000'",
    );
    expect(await client.ask('POST', 'oci/none/blobs/uploads/')).toMatchObject({ status: 404, code: 'NAME_UNKNOWN' });
    const name = await repository();
    expect(await client.ask('GET', `${name}/manifests/latest`)).toMatchObject({
      status: 404,
      code: 'MANIFEST_UNKNOWN',
    });
    expect(await client.ask('PATCH', `${name}/manifests/latest`)).toMatchObject({ status: 405, code: 'UNSUPPORTED' });
  });
});

describe('end-2, end-10: blobs', () => {
  it('are read whole and in part, and asked for', async () => {
    const name = await repository();
    const content = randomBytes(100_000);
    const digest = await client.blob(name, content);
    const got = await client.ask('GET', `${name}/blobs/${digest}`);
    expect(got).toMatchObject({
      status: 200,
      headers: { 'docker-content-digest': digest, 'content-length': '100000' },
    });
    expect(got.body.equals(content)).toBe(true);
    const head = await client.ask('HEAD', `${name}/blobs/${digest}`);
    expect(head).toMatchObject({ status: 200, headers: { 'content-length': '100000', 'accept-ranges': 'bytes' } });
    expect(head.body).toHaveLength(0);
    for (const [range, start, end] of [
      ['bytes=0-9', 0, 9],
      ['bytes=99990-', 99_990, 99_999],
      ['bytes=-5', 99_995, 99_999],
      ['bytes=5-1000000', 5, 99_999],
    ] as const) {
      const part = await client.ask('GET', `${name}/blobs/${digest}`, { headers: { range } });
      expect(part).toMatchObject({ status: 206, headers: { 'content-range': `bytes ${start}-${end}/100000` } });
      expect(part.body.equals(content.subarray(start, end + 1))).toBe(true);
    }
    const beyond = await client.ask('GET', `${name}/blobs/${digest}`, { headers: { range: 'bytes=100000-' } });
    expect(beyond).toMatchObject({ status: 416, headers: { 'content-range': 'bytes */100000' } });
    const etag = `"${digest}"`;
    const asked = async (headers: Record<string, string>) =>
      (await client.ask('GET', `${name}/blobs/${digest}`, { headers })).status;
    expect(await asked({ 'if-none-match': `"other", ${etag}` })).toBe(304);
    expect(await asked({ 'if-none-match': '"other"' })).toBe(200);
    expect(await asked({ range: 'bytes=0-9', 'if-range': etag })).toBe(206);
    expect(await asked({ range: 'bytes=0-9', 'if-range': '"other"' })).toBe(200);
    for (const range of ['bytes=9-5', 'bytes=0-1,5-6', 'lines=1-2'])
      expect((await client.ask('GET', `${name}/blobs/${digest}`, { headers: { range } })).status).toBe(200);
  });

  it('belong to their repository', async () => {
    const [one, other] = [await repository(), await repository()];
    const digest = await client.blob(one, 'mine');
    expect(await client.ask('GET', `${other}/blobs/${digest}`)).toMatchObject({ status: 404, code: 'BLOB_UNKNOWN' });
    expect((await client.ask('HEAD', `${other}/blobs/${digest}`)).status).toBe(404);
    expect(await client.ask('GET', `${one}/blobs/${missing}`)).toMatchObject({ status: 404, code: 'BLOB_UNKNOWN' });
    for (const digest of ['sha256:abc', 'md5:0123', 'nonsense', '..'])
      expect(await client.ask('GET', `${one}/blobs/${digest}`)).toMatchObject({ status: 400, code: 'DIGEST_INVALID' });
  });

  it('are deleted when no image needs them', async () => {
    const name = await repository();
    const { layers, digest } = await client.image(name, 'v1');
    expect((await client.ask('DELETE', `${name}/blobs/${layers[0]}`)).status).toBe(405);
    expect((await client.ask('DELETE', `${name}/manifests/${digest}`)).status).toBe(202);
    expect((await client.ask('DELETE', `${name}/blobs/${layers[0]}`)).status).toBe(202);
    expect((await client.ask('GET', `${name}/blobs/${layers[0]}`)).status).toBe(404);
    expect(await client.ask('DELETE', `${name}/blobs/${layers[0]}`)).toMatchObject({
      status: 404,
      code: 'BLOB_UNKNOWN',
    });
  });
});

describe('end-4 to end-6: uploads', () => {
  const content = randomBytes(3000);
  const digest = digestOf(content);

  it('come with one POST', async () => {
    const name = await repository();
    const answer = await client.ask('POST', `${name}/blobs/uploads/?digest=${digest}`, { body: content });
    expect(answer).toMatchObject({
      status: 201,
      headers: { location: `/v2/${name}/blobs/${digest}`, 'docker-content-digest': digest },
    });
    expect((await client.ask('GET', String(answer.headers.location))).body.equals(content)).toBe(true);
  });

  it('come with POST and PUT', async () => {
    const name = await repository();
    const location = await begin(name);
    const answer = await client.ask('PUT', `${location}?digest=${encodeURIComponent(digest)}`, { body: content });
    expect(answer).toMatchObject({ status: 201, headers: { location: `/v2/${name}/blobs/${digest}` } });
    expect((await client.ask('HEAD', `${name}/blobs/${digest}`)).status).toBe(200);
  });

  it('come in chunks, in order, and can be asked for', async () => {
    const name = await repository();
    let location = await begin(name);
    const chunk = async (from: number, to: number) =>
      await client.ask('PATCH', location, {
        headers: { 'content-range': `${from}-${to - 1}`, 'content-type': 'application/octet-stream' },
        body: content.subarray(from, to),
      });
    const first = await chunk(0, 1000);
    expect(first).toMatchObject({ status: 202, headers: { range: '0-999' } });
    location = String(first.headers.location);
    const early = await chunk(2000, 3000);
    expect(early).toMatchObject({ status: 416, code: 'RANGE_INVALID', headers: { range: '0-999' } });
    expect(await chunk(0, 1000)).toMatchObject({ status: 416, headers: { location, range: '0-999' } });
    expect(await client.ask('GET', location)).toMatchObject({ status: 204, headers: { range: '0-999', location } });
    expect(await chunk(1000, 2000)).toMatchObject({ status: 202, headers: { range: '0-1999' } });
    const last = await client.ask('PUT', `${location}?digest=${digest}`, {
      headers: { 'content-range': '2000-2999' },
      body: content.subarray(2000),
    });
    expect(last.status).toBe(201);
    expect((await client.ask('GET', `${name}/blobs/${digest}`)).body.equals(content)).toBe(true);
    expect(await client.ask('GET', location)).toMatchObject({ status: 404, code: 'BLOB_UPLOAD_UNKNOWN' });
  });

  it('come as one stream without a length, as engines send them', async () => {
    const name = await repository();
    const location = await begin(name);
    const streamed = await client.ask('PATCH', location, {
      headers: { 'transfer-encoding': 'chunked' },
      body: content,
    });
    expect(streamed).toMatchObject({ status: 202, headers: { range: '0-2999' } });
    expect((await client.ask('PUT', `${location}?digest=${digest}`)).status).toBe(201);
  });

  it('may be cancelled', async () => {
    const name = await repository();
    const location = await begin(name);
    await client.ask('PATCH', location, { body: content });
    expect((await client.ask('DELETE', location)).status).toBe(204);
    expect((await client.ask('PUT', `${location}?digest=${digest}`)).status).toBe(404);
    expect((await client.ask('PATCH', `${name}/blobs/uploads/not-an-upload`)).status).toBe(404);
  });

  it('are no blob when their digest is wrong, and belong to their repository', async () => {
    const [name, other] = [await repository(), await repository()];
    const location = await begin(name);
    const elsewhere = location.replace(name, other);
    expect((await client.ask('PATCH', elsewhere, { body: content })).status).toBe(404);
    const wrong = await client.ask('PUT', `${location}?digest=${missing}`, { body: content });
    expect(wrong).toMatchObject({ status: 400, code: 'DIGEST_INVALID' });
    expect((await client.ask('HEAD', `${name}/blobs/${missing}`)).status).toBe(404);
    expect((await client.ask('HEAD', `${name}/blobs/${digest}`)).status).toBe(404);
    const second = await begin(name);
    expect(await client.ask('PUT', second, { body: content })).toMatchObject({ status: 400, code: 'DIGEST_INVALID' });
  });

  it('refuse a chunk that is longer or shorter than it says, and keep what was there', async () => {
    const name = await repository();
    const location = await begin(name);
    await client.ask('PATCH', location, { headers: { 'content-range': '0-999' }, body: content.subarray(0, 1000) });
    for (const size of [500, 1500]) {
      const answer = await client.ask('PATCH', location, {
        headers: { 'content-range': '1000-1999' },
        body: content.subarray(1000, 1000 + size),
      });
      expect(answer).toMatchObject({ status: 400, code: 'SIZE_INVALID', headers: { range: '0-999' } });
    }
    const odd = await client.ask('PATCH', location, { headers: { 'content-range': 'bytes=a-b' }, body: content });
    expect(odd).toMatchObject({ status: 400, code: 'BLOB_UPLOAD_INVALID' });
    const rest = await client.ask('PUT', `${location}?digest=${digest}`, { body: content.subarray(1000) });
    expect(rest.status).toBe(201);
  });

  it('go on where a connection broke', async () => {
    const name = await repository();
    const location = await begin(name);
    const large = randomBytes(3_000_000);
    const { hostname, port } = new URL(stack.endpoint);
    const socket = connect(Number(port), hostname);
    socket.on('error', () => {});
    socket.write(
      `PATCH ${location} HTTP/1.1\r\nhost: x\r\nauthorization: ${client.authorization}\r\ncontent-length: 3000000\r\n\r\n`,
    );
    socket.write(large.subarray(0, 2_000_000));
    await eventually('the upload grows', async () => (await upload(location)) > 1 || undefined);
    socket.destroy();
    await eventually('all that came is kept', async () => (await upload(location)) === 2_000_000 || undefined);
    const again = await client.ask('PATCH', location, { headers: { 'content-range': '0-0' }, body: 'x' });
    expect(again).toMatchObject({ status: 416, headers: { range: '0-1999999' } });
    const rest = await client.ask('PUT', `${location}?digest=${digestOf(large)}`, { body: large.subarray(2_000_000) });
    expect(rest.status).toBe(201);
  });

  /** Bytes that an upload has, 1 when it has none. */
  async function upload(location: string): Promise<number> {
    const { headers } = await client.ask('GET', location);
    return Number(String(headers.range).slice('0-'.length)) + 1;
  }
});

describe('end-11: mounts', () => {
  it('take a blob from another repository, or begin an upload', async () => {
    const [one, other] = [await repository(), await repository()];
    const digest = await client.blob(one, 'shared');
    const mounted = await client.ask('POST', `${other}/blobs/uploads/?mount=${digest}&from=${one}`);
    expect(mounted).toMatchObject({ status: 201, headers: { location: `/v2/${other}/blobs/${digest}` } });
    expect((await client.ask('GET', `${other}/blobs/${digest}`)).body.toString()).toBe('shared');
    for (const query of [`mount=${missing}&from=${one}`, `mount=${digest}&from=oci/none`, `mount=${digest}`]) {
      const fallback = await client.ask('POST', `${await repository()}/blobs/uploads/?${query}`);
      expect(fallback.status).toBe(202);
      expect(fallback.headers.location).toMatch(/\/blobs\/uploads\/[0-9a-f-]{36}$/);
    }
  });

  it('can be switched off for a registry', async () => {
    const other = await registryClient(stack, { region: 'eu-west-1' });
    const [one, two] = ['000000000000/eu-west-1/one', '000000000000/eu-west-1/two'];
    for (const repositoryName of ['one', 'two']) await other.ecr.send(new CreateRepositoryCommand({ repositoryName }));
    await other.ecr.send(new PutAccountSettingCommand({ name: 'BLOB_MOUNTING', value: 'DISABLED' }));
    const digest = await other.blob(one, 'mine alone');
    expect((await other.ask('POST', `${two}/blobs/uploads/?mount=${digest}&from=${one}`)).status).toBe(202);
    other.ecr.destroy();
  });
});

describe('end-3, end-7, end-9: manifests', () => {
  it('are read by tag and digest, byte for byte', async () => {
    const name = await repository();
    const { digest, manifest } = await client.image(name, 'v1');
    for (const reference of ['v1', digest, encodeURIComponent(digest)]) {
      const got = await client.ask('GET', `${name}/manifests/${reference}`);
      expect(got).toMatchObject({
        status: 200,
        headers: { 'content-type': mediaTypes.ociManifest, 'docker-content-digest': digest },
      });
      expect(got.body.toString()).toBe(manifest);
      const head = await client.ask('HEAD', `${name}/manifests/${reference}`);
      expect(head).toMatchObject({ status: 200, headers: { 'content-length': String(manifest.length) } });
      expect(head.body).toHaveLength(0);
    }
    expect((await client.ask('GET', `${name}/manifests/${missing}`)).status).toBe(404);
    expect(await client.ask('GET', `${name}/manifests/-v1`)).toMatchObject({ status: 400, code: 'TAG_INVALID' });
  });

  it('say where they are, and which image they are about', async () => {
    const name = await repository();
    const { digest } = await client.image(name, 'v1');
    const config = await client.blob(name, '{}');
    const subject = { mediaType: mediaTypes.ociManifest, digest, size: 10 };
    const signature = imageManifest({ digest: config, size: 2 }, [], { subject });
    const answer = await put(name, digestOf(signature), signature);
    expect(answer).toMatchObject({
      status: 201,
      headers: {
        location: `/v2/${name}/manifests/${digestOf(signature)}`,
        'docker-content-digest': digestOf(signature),
        'oci-subject': digest,
      },
    });
  });

  it('need everything that they name', async () => {
    const name = await repository();
    const config = { digest: await client.blob(name, '{}'), size: 2 };
    const without = imageManifest(config, [{ digest: missing, size: 1 }]);
    const refused = await put(name, 'v1', without);
    expect(refused).toMatchObject({ status: 400, code: 'MANIFEST_BLOB_UNKNOWN' });
    expect(refused.message).toContain(missing);
    expect((await client.ask('GET', `${name}/manifests/v1`)).status).toBe(404);
    const foreign = imageManifest(config, [{ digest: missing, size: 1, urls: ['https://example.com/layer'] } as never]);
    expect((await put(name, 'v1', foreign)).status).toBe(201);
    const index = JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociIndex,
      manifests: [{ mediaType: mediaTypes.ociManifest, digest: missing, size: 1 }],
    });
    expect(await put(name, 'multi', index, mediaTypes.ociIndex)).toMatchObject({
      status: 400,
      code: 'MANIFEST_BLOB_UNKNOWN',
    });
  });

  it('are images, lists, indexes and artifacts of any type', async () => {
    const name = await repository();
    const { digest, manifest, layers } = await client.image(name, 'amd64');
    const children = [{ mediaType: mediaTypes.ociManifest, digest, size: manifest.length }];
    for (const [tag, mediaType] of [
      ['index', mediaTypes.ociIndex],
      ['list', mediaTypes.dockerList],
    ] as const) {
      const body = JSON.stringify({ schemaVersion: 2, mediaType, manifests: children });
      expect((await put(name, tag, body, mediaType)).status).toBe(201);
      const got = await client.ask('GET', `${name}/manifests/${tag}`);
      expect(got.headers['content-type']).toBe(mediaType);
    }
    const docker = JSON.stringify({
      ...JSON.parse(manifest),
      mediaType: mediaTypes.dockerManifest,
      config: { ...JSON.parse(manifest).config, mediaType: 'application/vnd.docker.container.image.v1+json' },
    });
    expect((await put(name, 'docker', docker, mediaTypes.dockerManifest)).status).toBe(201);
    const config = { digest: await client.blob(name, '{}'), size: 2, mediaType: 'application/vnd.oci.empty.v1+json' };
    const artifact = imageManifest(config, [{ digest: layers[0] ?? '', size: 1000 }], {
      artifactType: 'application/vnd.example.sbom',
      annotations: { 'org.example': 'yes' },
    });
    expect((await put(name, 'artifact', artifact)).status).toBe(201);
    expect(
      (
        await put(
          name,
          'nothing',
          JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] }),
          mediaTypes.ociIndex,
        )
      ).status,
    ).toBe(201);
  });

  it.each([
    ['no JSON', 'nonsense'],
    ['no object', '[1]'],
    ['bytes that are no text', Buffer.from([0x7b, 0xff, 0x7d])],
    [
      'another type than the request says',
      JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] }),
    ],
    ['schema version 1', JSON.stringify({ schemaVersion: 1, mediaType: mediaTypes.ociManifest })],
    ['no layers', JSON.stringify({ schemaVersion: 2, config: { mediaType: 'a', digest: missing, size: 1 } })],
    [
      'a digest that is none',
      JSON.stringify({ schemaVersion: 2, config: { mediaType: 'a', digest: '../..', size: 1 }, layers: [] }),
    ],
    [
      'a negative size',
      JSON.stringify({ schemaVersion: 2, config: { mediaType: 'a', digest: missing, size: -1 }, layers: [] }),
    ],
  ])('are refused when they are %s', async (_, body) => {
    const name = await repository();
    const answer = await client.ask('PUT', `${name}/manifests/v1`, {
      headers: { 'content-type': mediaTypes.ociManifest },
      body,
    });
    expect(answer).toMatchObject({ status: 400, code: 'MANIFEST_INVALID' });
  });

  it('are refused when they are of an unknown type, of 100 MB, or not what their digest says', async () => {
    const name = await repository();
    const odd = JSON.stringify({ schemaVersion: 2, mediaType: 'text/plain' });
    expect(await put(name, 'v1', odd, 'text/plain')).toMatchObject({ status: 400, code: 'MANIFEST_INVALID' });
    const { manifest } = await client.image(name, 'v1');
    expect(await put(name, missing, manifest)).toMatchObject({ status: 400, code: 'DIGEST_INVALID' });
    const huge = await client.ask('PUT', `${name}/manifests/v1`, {
      headers: { 'content-type': mediaTypes.ociManifest },
      body: Buffer.alloc(100_000_000, 'a'),
    });
    expect(huge).toMatchObject({ status: 413, code: 'MANIFEST_INVALID' });
    const stream = await client.ask('PUT', `${name}/manifests/v1`, {
      headers: { 'content-type': mediaTypes.ociManifest, 'transfer-encoding': 'chunked' },
      body: Buffer.alloc(6_000_000, 'a'),
    });
    expect(stream.status).toBe(413);
    expect((await client.ask('GET', `${name}/manifests/v1`)).body.toString()).toBe(manifest);
  });

  it('are deleted: a tag alone, an image with its tags, and not under an index', async () => {
    const name = await repository();
    const { digest, manifest } = await client.image(name, 'v1');
    expect((await put(name, 'v2', manifest)).status).toBe(201);
    expect((await client.ask('DELETE', `${name}/manifests/v1`)).status).toBe(202);
    expect((await client.ask('GET', `${name}/manifests/v1`)).status).toBe(404);
    expect((await client.ask('GET', `${name}/manifests/v2`)).status).toBe(200);
    const index = JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociIndex,
      manifests: [{ mediaType: mediaTypes.ociManifest, digest, size: manifest.length }],
    });
    await put(name, 'index', index, mediaTypes.ociIndex);
    expect(await client.ask('DELETE', `${name}/manifests/${digest}`)).toMatchObject({ status: 403, code: 'DENIED' });
    expect((await client.ask('DELETE', `${name}/manifests/${digestOf(index)}`)).status).toBe(202);
    expect((await client.ask('DELETE', `${name}/manifests/${digest}`)).status).toBe(202);
    expect((await client.ask('GET', `${name}/manifests/v2`)).status).toBe(404);
    expect((await client.ask('DELETE', `${name}/manifests/${digest}`)).status).toBe(404);
    expect((await client.ask('DELETE', `${name}/manifests/v1`)).status).toBe(404);
  });
});

describe('end-8: tags', () => {
  it('are listed in order, page by page', async () => {
    const name = await repository();
    expect(JSON.parse((await client.ask('GET', `${name}/tags/list`)).body.toString())).toEqual({ name, tags: [] });
    const { manifest } = await client.image(name, 'c');
    for (const tag of ['a', 'e', 'b', 'd']) await put(name, tag, manifest);
    const seen: string[] = [];
    let next: string | undefined = `/v2/${name}/tags/list?n=2`;
    while (next !== undefined) {
      const { body, headers } = await client.ask('GET', next);
      const { tags } = JSON.parse(body.toString());
      expect(tags.length).toBeLessThanOrEqual(2);
      seen.push(...tags);
      next = /^<(.*)>; rel="next"$/.exec(String(headers.link ?? ''))?.[1];
    }
    expect(seen).toEqual(['a', 'b', 'c', 'd', 'e']);
    const after = await client.ask('GET', `${name}/tags/list?last=c`);
    expect(JSON.parse(after.body.toString()).tags).toEqual(['d', 'e']);
    expect(JSON.parse((await client.ask('GET', `${name}/tags/list?n=0`)).body.toString()).tags).toEqual([]);
    expect(await client.ask('GET', `${name}/tags/list?n=many`)).toMatchObject({
      status: 400,
      code: 'PAGINATION_NUMBER_INVALID',
    });
    expect((await client.ask('GET', 'oci/none/tags/list')).status).toBe(404);
  });
});

describe('end-12: referrers', () => {
  it('are listed with their types and annotations, also by type, whatever came first', async () => {
    const name = await repository();
    const config = await client.blob(name, '{}');
    const subject = { mediaType: mediaTypes.ociManifest, digest: missing, size: 10 };
    const make = (artifactType: string | undefined, annotations: object) =>
      imageManifest({ digest: config, size: 2, mediaType: 'application/vnd.example.config' }, [], {
        subject,
        ...(artifactType && { artifactType }),
        annotations,
      });
    const signature = make('application/vnd.example.signature', { 'org.example': 'signed' });
    const plain = make(undefined, {});
    for (const one of [signature, plain]) await put(name, digestOf(one), one);
    const list = async (query = '') => {
      const { status, headers, body } = await client.ask('GET', `${name}/referrers/${missing}${query}`);
      expect(status).toBe(200);
      expect(headers['content-type']).toBe(mediaTypes.ociIndex);
      return { headers, index: JSON.parse(body.toString()) };
    };
    const { index, headers } = await list();
    expect(headers['oci-filters-applied']).toBeUndefined();
    expect(index).toMatchObject({ schemaVersion: 2, mediaType: mediaTypes.ociIndex });
    expect(index.manifests).toHaveLength(2);
    expect(index.manifests).toContainEqual({
      mediaType: mediaTypes.ociManifest,
      digest: digestOf(signature),
      size: signature.length,
      artifactType: 'application/vnd.example.signature',
      annotations: { 'org.example': 'signed' },
    });
    expect(index.manifests.map(({ artifactType }: { artifactType: string }) => artifactType).sort()).toEqual([
      'application/vnd.example.config',
      'application/vnd.example.signature',
    ]);
    const filtered = await list('?artifactType=application/vnd.example.signature');
    expect(filtered.headers['oci-filters-applied']).toBe('artifactType');
    expect(filtered.index.manifests).toHaveLength(1);
    expect((await list('?artifactType=none')).index.manifests).toEqual([]);
    await client.ask('DELETE', `${name}/manifests/${digestOf(signature)}`);
    expect((await list()).index.manifests).toHaveLength(1);
    expect((await client.ask('GET', `${name}/referrers/nonsense`)).status).toBe(400);
  });
});

it('streams a blob of 64 MiB in and out, and delete does not cut a download off', async () => {
  const name = await repository();
  const content = Buffer.alloc(64 * 2 ** 20, randomBytes(1 << 16));
  const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`;
  await client.blob(name, content);
  const { hostname, port } = new URL(stack.endpoint);
  const hash = createHash('sha256');
  let length = 0;
  await new Promise<void>((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => {
      socket.write(
        `GET /v2/${name}/blobs/${digest} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: ${client.authorization}\r\n\r\n`,
      );
    });
    let head = '';
    let deleted = false;
    socket.on('data', (chunk: Buffer) => {
      let body = chunk;
      if (!head.includes('\r\n\r\n')) {
        head += chunk.toString('latin1');
        const at = head.indexOf('\r\n\r\n');
        if (at < 0) return;
        body = Buffer.from(head.slice(at + 4), 'latin1');
      }
      hash.update(body);
      length += body.length;
      if (deleted) return;
      deleted = true;
      socket.pause();
      client.ask('DELETE', `${name}/blobs/${digest}`).then(({ status }) => {
        expect(status).toBe(202);
        socket.resume();
      }, reject);
    });
    socket.on('error', reject).on('end', () => resolve());
  });
  expect(length).toBe(content.length);
  expect(`sha256:${hash.digest('hex')}`).toBe(digest);
});
