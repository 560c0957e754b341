/** Upstream registries of pull-through caches that send what they should not. */
import { randomBytes } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CreatePullThroughCacheRuleCommand, DescribeRepositoriesCommand } from '@aws-sdk/client-ecr';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mediaTypes } from '../../core/registry/manifest.ts';
import { endless } from '../support/endless.ts';
import { type ApiStack, createApiStack } from '../support/stack.ts';
import { digestOf, imageManifest, type RegistryClient, registryClient } from './client.ts';

const config = Buffer.from('{"architecture":"amd64","os":"linux"}');
const layer = randomBytes(5000);
const manifest = imageManifest({ digest: digestOf(config), size: config.length }, [
  { digest: digestOf(layer), size: layer.length },
]);

/** By the name of the repository: what comes instead of a manifest, or of its layers. */
const manifests: Readonly<Record<string, (response: ServerResponse) => void>> = {
  garbage: (response) => response.end('garbage'),
  'endless-manifest': endless,
  'cut-manifest': (response) => {
    response.writeHead(200, { 'content-length': manifest.length });
    response.write(manifest.slice(0, 10), () => response.destroy());
  },
  error: (response) => response.writeHead(500).end(),
};
const layers: Readonly<Record<string, (response: ServerResponse) => void>> = {
  'endless-layer': endless,
  'other-layer': (response) => response.end(Buffer.alloc(layer.length)),
  'short-layer': (response) => response.end(layer.subarray(0, 10)),
  'long-layer': (response) => response.end(Buffer.concat([layer, layer])),
};

/** Answers whose connection is not gone yet. */
const open = new Set<ServerResponse>();
const server = createServer(({ url = '' }, response) => {
  open.add(response);
  response.once('close', () => open.delete(response));
  const [, name = '', kind, reference] = /^\/v2\/([^/]+)\/(manifests|blobs)\/(.+)$/.exec(url) ?? [];
  if (kind === 'manifests') {
    response.setHeader('content-type', mediaTypes.ociManifest);
    (manifests[name] ?? ((other: ServerResponse) => other.end(manifest)))(response);
  } else if (reference === digestOf(config)) response.end(config);
  else (layers[name] ?? ((other: ServerResponse) => other.end(layer)))(response);
});

let stack: ApiStack;
let client: RegistryClient;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stack = await createApiStack();
  client = await registryClient(stack);
  const upstreamRegistryUrl = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  await client.ecr.send(new CreatePullThroughCacheRuleCommand({ ecrRepositoryPrefix: 'far', upstreamRegistryUrl }));
});
afterAll(async () => {
  client?.ecr.destroy();
  await stack?.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

test('an image that is right comes whole', async () => {
  const { status, body } = await client.ask('GET', 'far/right/manifests/v1');
  expect(status).toBe(200);
  expect(body.toString()).toBe(manifest);
  expect((await client.ask('GET', `far/right/blobs/${digestOf(layer)}`)).body.equals(layer)).toBe(true);
});

test.each([
  ...Object.keys(manifests),
  ...Object.keys(layers),
])('%s is refused, and no image of it stays', async (name) => {
  expect(await client.ask('GET', `far/${name}/manifests/v1`)).toMatchObject({ status: 503, code: 'UNKNOWN' });
  // Nobody goes on reading what has no end.
  await expect.poll(() => open.size, { timeout: 10_000 }).toBe(0);
  expect((await client.ask('GET', `far/${name}/blobs/${digestOf(layer)}`)).status).toBe(404);
});

test('a repository is made for what is an image only', async () => {
  const { repositories = [] } = await client.ecr.send(new DescribeRepositoriesCommand({}));
  const names = repositories.map(({ repositoryName }) => repositoryName);
  for (const name of Object.keys(manifests)) expect(names).not.toContain(`far/${name}`);
});
