/** The API is killed at each step of a push, or has no disk left: what it acknowledged stays, nothing half-written is served. */
import { randomBytes } from 'node:crypto';
import { appendFileSync, mkdirSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import {
  CompleteLayerUploadCommand,
  CreateRepositoryCommand,
  InitiateLayerUploadCommand,
  PutImageCommand,
  UploadLayerPartCommand,
} from '@aws-sdk/client-ecr';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mediaTypes } from '../../core/registry/manifest.ts';
import { digestOf, imageManifest, type RegistryClient, registryClient } from '../registry/client.ts';
import { chanceOf, eventually, moment, seed } from '../support/eventually.ts';
import { createInstance, type Instance, type RoleProcess } from '../support/processes.ts';
import { mountSmallDisk, noSmallDisk } from '../support/small-disk.ts';

const mib = 2 ** 20;
const chance = chanceOf(seed);
let instance: Instance;
let api: RoleProcess;
let client: RegistryClient;
let folder: string;

beforeAll(async () => {
  instance = await createInstance({ runtime: 'fake' });
  folder = join(instance.dataDir, 'registry');
  api = await instance.startApi();
  const { endpoint, credential } = instance;
  client = await registryClient({ endpoint, key: async () => credential }, {}, { maxAttempts: 1 });
});
afterAll(async () => {
  client?.ecr.destroy();
  await instance?.close();
});

async function killed(): Promise<void> {
  await api.kill();
  api = await instance.startApi();
}

/** Kills the API somewhere in a call. @returns what it answered, if it did */
async function killedIn<Answer>(call: Promise<Answer>): Promise<Answer | undefined> {
  const ended = call.catch(() => undefined);
  await moment(chance.number(30));
  await killed();
  return await ended;
}

async function create(repositoryName: string): Promise<string> {
  await client.ecr.send(new CreateRepositoryCommand({ repositoryName }));
  return repositoryName;
}

/** A chunk of which the API gets only this much. @returns when its connection is gone */
async function endlessChunk(path: string, content: Uint8Array): Promise<void> {
  const { hostname, port } = new URL(instance.endpoint);
  const headers = { authorization: client.authorization, 'content-length': content.length + 1 };
  const chunk = request({ hostname, port, method: 'PATCH', path, headers, agent: false });
  chunk.on('error', () => {});
  chunk.write(content);
  await new Promise((resolve) => chunk.once('close', resolve));
}

const putManifest = async (name: string, tag: string, body: string) =>
  await client.ask('PUT', `${name}/manifests/${tag}`, { headers: { 'content-type': mediaTypes.ociManifest }, body });

async function expectBlob(name: string, content: Uint8Array): Promise<void> {
  const { status, body } = await client.ask('GET', `${name}/blobs/${digestOf(content)}`);
  expect(status).toBe(200);
  expect(digestOf(body)).toBe(digestOf(content));
}

test(`pushes go on where the API was killed, through either door (seed ${seed})`, async () => {
  const name = await create('killed/push');
  const content = randomBytes(6 * mib);
  const digest = digestOf(content);
  const { headers } = await client.ask('POST', `${name}/blobs/uploads/`);
  const location = String(headers.location);
  const repositoryName = await create('killed/ecr');
  const { uploadId } = await client.ecr.send(new InitiateLayerUploadCommand({ repositoryName }));
  await killed();
  expect(await client.ask('GET', location)).toMatchObject({ status: 204, headers: { range: '0-0' } });

  const part = async () => {
    const bytes = { partFirstByte: 0, partLastByte: content.length - 1, layerPartBlob: content };
    return await client.ecr.send(new UploadLayerPartCommand({ repositoryName, uploadId, ...bytes }));
  };
  // Whole or not at all, and the client sends it again.
  await killedIn(part());
  appendFileSync(join(folder, 'uploads', String(uploadId)), content.subarray(0, mib));
  expect((await part()).lastByteReceived).toBe(content.length - 1);
  expect((await client.ask('PATCH', location, { body: content.subarray(0, mib) })).status).toBe(202);
  const broken = endlessChunk(location, content.subarray(mib, 4 * mib));
  const sizeNow = async () => Number(String((await client.ask('GET', location)).headers.range).slice(2)) + 1;
  await eventually('a part of the chunk to be there', async () => ((await sizeNow()) > mib ? true : undefined));
  await killed();
  await broken;
  const kept = await sizeNow();
  expect(kept).toBeGreaterThanOrEqual(mib);
  expect((await client.ask('GET', `${name}/blobs/${digest}`)).status).toBe(404);
  const rest = { 'content-range': `${kept}-${content.length - 1}` };
  const last = await client.ask('PATCH', location, { headers: rest, body: content.subarray(kept) });
  expect(last).toMatchObject({ status: 202, headers: { range: `0-${content.length - 1}` } });
  expect((await part()).lastByteReceived).toBe(content.length - 1);
  appendFileSync(join(folder, 'uploads', String(uploadId)), content.subarray(0, mib));

  const completion = { repositoryName, uploadId, layerDigests: [digest] };
  const completed = client.ecr.send(new CompleteLayerUploadCommand(completion)).catch(() => undefined);
  const done = await killedIn(client.ask('PUT', `${location}?digest=${digest}`));
  for (const [repository, wasAnswered] of [
    [name, done?.status === 201],
    [repositoryName, (await completed) !== undefined],
  ] as const) {
    const { status } = await client.ask('HEAD', `${repository}/blobs/${digest}`);
    expect(wasAnswered ? [200] : [200, 404]).toContain(status);
    // The bytes are sent again, as clients do.
    if (status === 404) await client.blob(repository, content);
    await expectBlob(repository, content);
  }

  const config = Buffer.from('{}');
  const layer = { digest, size: content.length };
  const manifest = imageManifest({ digest: digestOf(config), size: config.length }, [layer]);
  for (const repository of [name, repositoryName]) await client.blob(repository, config);
  const image = new PutImageCommand({ repositoryName, imageManifest: manifest, imageTag: 'one' });
  const imagePut = client.ecr.send(image).catch(() => undefined);
  const put = await killedIn(putManifest(name, 'one', manifest));
  for (const [repository, wasAnswered] of [
    [name, put?.status === 201],
    [repositoryName, (await imagePut) !== undefined],
  ] as const) {
    const { status } = await client.ask('GET', `${repository}/manifests/one`);
    expect(wasAnswered ? [200] : [200, 404]).toContain(status);
    if (status === 404) expect((await putManifest(repository, 'one', manifest)).status).toBe(201);
  }
  await killed();
  for (const repository of [name, repositoryName]) {
    expect((await client.ask('GET', `${repository}/manifests/one`)).body.toString()).toBe(manifest);
    await expectBlob(repository, content);
    await expectBlob(repository, config);
  }
});

test.skipIf(noSmallDisk !== '')(
  `a full disk refuses, keeps what is whole and takes the rest later${noSmallDisk}`,
  async () => {
    const name = await create('full/disk');
    const before = api;
    await before.stop();
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    const unmount = mountSmallDisk(folder, 8);
    try {
      api = await instance.startApi();
      const first = randomBytes(2 * mib);
      await client.blob(name, first);
      const config = Buffer.from('{}');
      const manifest = imageManifest({ digest: await client.blob(name, config), size: config.length }, [
        { digest: digestOf(first), size: first.length },
      ]);
      const content = randomBytes(3 * mib);
      const location = String((await client.ask('POST', `${name}/blobs/uploads/`)).headers.location);
      const layers = { repositoryName: name };
      const { uploadId } = await client.ecr.send(new InitiateLayerUploadCommand(layers));

      const ballast = join(folder, 'ballast');
      writeFileSync(ballast, Buffer.alloc(statfsSync(folder).bavail * statfsSync(folder).bsize, 1));
      expect(await client.ask('PATCH', location, { body: content })).toMatchObject({ status: 507, code: 'UNKNOWN' });
      const posted = await client.ask('POST', `${name}/blobs/uploads/?digest=${digestOf(content)}`, { body: content });
      expect(posted.status).toBe(507);
      const part = {
        ...layers,
        uploadId,
        partFirstByte: 0,
        partLastByte: mib - 1,
        layerPartBlob: content.subarray(0, mib),
      };
      await expect(client.ecr.send(new UploadLayerPartCommand(part))).rejects.toMatchObject({
        name: 'ServerException',
      });
      expect((await putManifest(name, 'one', manifest)).status).toBe(507);
      expect((await client.ask('GET', `${name}/manifests/one`)).status).toBe(404);
      expect((await client.ask('HEAD', `${name}/blobs/${digestOf(content)}`)).status).toBe(404);
      expect(readdirSync(join(folder, 'trash'))).toEqual([]);
      await expectBlob(name, first);

      rmSync(ballast);
      // The same uploads go on, in the same process.
      const kept = await client.ask('GET', location);
      expect(kept).toMatchObject({ status: 204, headers: { range: '0-0' } });
      expect((await client.ask('PATCH', location, { body: content })).status).toBe(202);
      expect((await client.ask('PUT', `${location}?digest=${digestOf(content)}`)).status).toBe(201);
      await expectBlob(name, content);
      expect((await client.ecr.send(new UploadLayerPartCommand(part))).lastByteReceived).toBe(mib - 1);
      expect((await putManifest(name, 'one', manifest)).status).toBe(201);
      expect((await client.ask('GET', `${name}/manifests/one`)).body.toString()).toBe(manifest);
    } finally {
      await api.kill();
      unmount();
    }
  },
);
