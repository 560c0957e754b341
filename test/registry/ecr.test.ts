/** ECR's operations through the SDK. */
import { randomBytes } from 'node:crypto';
import * as ecr from '@aws-sdk/client-ecr';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mediaTypes } from '../../core/registry/manifest.ts';
import { type ApiStack, createApiStack } from '../support/stack.ts';
import { digestOf, imageManifest, type RegistryClient, registryClient, send } from './client.ts';

const missing = `sha256:${'0'.repeat(64)}`;
const account = '000000000000';
let stack: ApiStack;
let client: RegistryClient;
let other: RegistryClient;
let now = Date.parse('2026-01-01T00:00:00Z');
let counter = 0;

beforeAll(async () => {
  stack = await createApiStack({ clock: () => now });
  client = await registryClient(stack);
  other = await registryClient(stack, { accountId: '111122223333' });
});
afterAll(async () => {
  client.ecr.destroy();
  other.ecr.destroy();
  await stack.close();
});

async function repository(input: Partial<ecr.CreateRepositoryCommandInput> = {}): Promise<string> {
  counter += 1;
  const repositoryName = `api/test-${counter}`;
  await client.ecr.send(new ecr.CreateRepositoryCommand({ repositoryName, ...input }));
  return repositoryName;
}

async function put(name: string, manifest: string, imageTag?: string, more: Partial<ecr.PutImageCommandInput> = {}) {
  return await client.ecr.send(
    new ecr.PutImageCommand({ repositoryName: name, imageManifest: manifest, imageTag, ...more }),
  );
}

async function failure(promise: Promise<unknown>): Promise<{ name: string; message: string }> {
  const error = await promise.then(
    () => undefined,
    (thrown: Error) => thrown,
  );
  expect(error).toBeInstanceOf(Error);
  return { name: error?.name ?? '', message: error?.message ?? '' };
}

describe('repositories', () => {
  it('are created as asked, described, and refused twice', async () => {
    const { repository: made } = await client.ecr.send(
      new ecr.CreateRepositoryCommand({
        repositoryName: 'team/web',
        imageTagMutability: 'IMMUTABLE_WITH_EXCLUSION',
        imageTagMutabilityExclusionFilters: [{ filterType: 'WILDCARD', filter: 'dev-*' }],
        imageScanningConfiguration: { scanOnPush: true },
        encryptionConfiguration: { encryptionType: 'KMS' },
        tags: [{ Key: 'team', Value: 'web' }],
      }),
    );
    expect(made).toEqual({
      repositoryArn: `arn:aws:ecr:us-east-1:${account}:repository/team/web`,
      registryId: account,
      repositoryName: 'team/web',
      repositoryUri: `${new URL(stack.endpoint).host}/team/web`,
      createdAt: new Date(now),
      imageTagMutability: 'IMMUTABLE_WITH_EXCLUSION',
      imageTagMutabilityExclusionFilters: [{ filterType: 'WILDCARD', filter: 'dev-*' }],
      imageScanningConfiguration: { scanOnPush: true },
      encryptionConfiguration: { encryptionType: 'KMS', kmsKey: 'alias/aws/ecr' },
    });
    const { repositories } = await client.ecr.send(
      new ecr.DescribeRepositoriesCommand({ repositoryNames: ['team/web'] }),
    );
    expect(repositories).toEqual([made]);
    expect(await failure(client.ecr.send(new ecr.CreateRepositoryCommand({ repositoryName: 'team/web' })))).toEqual({
      name: 'RepositoryAlreadyExistsException',
      message: `The repository with name 'team/web' already exists in the registry with id '${account}'`,
    });
    expect(await failure(client.ecr.send(new ecr.CreateRepositoryCommand({ repositoryName: 'Team' })))).toEqual({
      name: 'InvalidParameterException',
      message:
        "Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy regular expression '[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(\\/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*''",
    });
  });

  it('are listed page by page, and belong to an account and a region', async () => {
    const paris = await registryClient(stack, { region: 'eu-west-3' });
    for (const repositoryName of ['c', 'a/b', 'b'].map((name) => `x${name}`))
      await paris.ecr.send(new ecr.CreateRepositoryCommand({ repositoryName }));
    const names: string[] = [];
    let nextToken: string | undefined;
    do {
      const page = await paris.ecr.send(new ecr.DescribeRepositoriesCommand({ maxResults: 2, nextToken }));
      names.push(...(page.repositories ?? []).map(({ repositoryName = '' }) => repositoryName));
      nextToken = page.nextToken;
    } while (nextToken);
    expect(names).toEqual(['xa/b', 'xb', 'xc']);
    const { repositories } = await paris.ecr.send(new ecr.DescribeRepositoriesCommand({ repositoryNames: ['xb'] }));
    expect(repositories?.[0]?.repositoryUri).toBe(`${new URL(stack.endpoint).host}/${account}/eu-west-3/xb`);
    expect(await failure(client.ecr.send(new ecr.DescribeRepositoriesCommand({ repositoryNames: ['xb'] })))).toEqual({
      name: 'RepositoryNotFoundException',
      message: `The repository with name 'xb' does not exist in the registry with id '${account}'`,
    });
    expect(
      (await failure(paris.ecr.send(new ecr.DescribeRepositoriesCommand({ nextToken: 'bm9uc2Vuc2U' })))).name,
    ).toBe('InvalidParameterException');
    paris.ecr.destroy();
  });

  it('are deleted, with images by force only', async () => {
    const name = await repository();
    await client.image(name, 'v1');
    expect(await failure(client.ecr.send(new ecr.DeleteRepositoryCommand({ repositoryName: name })))).toEqual({
      name: 'RepositoryNotEmptyException',
      message: `The repository with name '${name}' in registry with id '${account}' cannot be deleted because it still contains images`,
    });
    await client.ecr.send(new ecr.DeleteRepositoryCommand({ repositoryName: name, force: true }));
    expect((await client.ask('GET', `${name}/manifests/v1`)).code).toBe('NAME_UNKNOWN');
    await client.ecr.send(new ecr.CreateRepositoryCommand({ repositoryName: name }));
    expect((await client.ecr.send(new ecr.ListImagesCommand({ repositoryName: name }))).imageIds).toEqual([]);
  });

  it('have tags', async () => {
    const name = await repository({ tags: [{ Key: 'a', Value: '1' }] });
    const resourceArn = `arn:aws:ecr:us-east-1:${account}:repository/${name}`;
    await client.ecr.send(
      new ecr.TagResourceCommand({
        resourceArn,
        tags: [
          { Key: 'a', Value: '2' },
          { Key: 'b', Value: '3' },
        ],
      }),
    );
    await client.ecr.send(new ecr.UntagResourceCommand({ resourceArn, tagKeys: ['b'] }));
    const { tags } = await client.ecr.send(new ecr.ListTagsForResourceCommand({ resourceArn }));
    expect(tags).toEqual([{ Key: 'a', Value: '2' }]);
    const many = Array.from({ length: 51 }, (_, at) => ({ Key: `k${at}`, Value: '' }));
    expect((await failure(client.ecr.send(new ecr.TagResourceCommand({ resourceArn, tags: many })))).name).toBe(
      'TooManyTagsException',
    );
    expect(
      (await failure(client.ecr.send(new ecr.ListTagsForResourceCommand({ resourceArn: 'arn:aws:s3:::x' })))).name,
    ).toBe('InvalidParameterException');
  });

  it('keep their tags where they are when they are immutable', async () => {
    const name = await repository({
      imageTagMutability: 'IMMUTABLE_WITH_EXCLUSION',
      imageTagMutabilityExclusionFilters: [{ filterType: 'WILDCARD', filter: 'dev*' }],
    });
    const first = await client.image(name, 'v1');
    await client.image(name, 'dev-1');
    await client.image(name, 'dev-1');
    const text = `The image tag 'v1' already exists in the '${name}' repository and cannot be overwritten because the tag is immutable.`;
    await expect(client.image(name, 'v1')).rejects.toThrow(text);
    const again = await client.ask('PUT', `${name}/manifests/v1`, {
      headers: { 'content-type': mediaTypes.ociManifest },
      body: first.manifest,
    });
    expect(again.status).toBe(201);
    const config = { digest: await client.blob(name, '{}'), size: 2 };
    expect(await failure(put(name, imageManifest(config, []), 'v1'))).toEqual({
      name: 'ImageTagAlreadyExistsException',
      message: text,
    });
    await client.ecr.send(
      new ecr.PutImageTagMutabilityCommand({ repositoryName: name, imageTagMutability: 'MUTABLE' }),
    );
    await client.image(name, 'v1');
    const half = { repositoryName: name, imageTagMutability: 'MUTABLE_WITH_EXCLUSION' as const };
    expect((await failure(client.ecr.send(new ecr.PutImageTagMutabilityCommand(half)))).name).toBe(
      'InvalidParameterException',
    );
  });
});

describe('images', () => {
  it('are described as they are', async () => {
    const name = await repository();
    const { digest, size } = await client.image(name, 'v1', [1000, 2000]);
    const describe = async () =>
      (await client.ecr.send(new ecr.DescribeImagesCommand({ repositoryName: name }))).imageDetails;
    const detail = {
      registryId: account,
      repositoryName: name,
      imageDigest: digest,
      imageTags: ['v1'],
      imageSizeInBytes: size,
      imagePushedAt: new Date(now),
      imageManifestMediaType: mediaTypes.ociManifest,
      artifactMediaType: 'application/vnd.oci.image.config.v1+json',
      imageStatus: 'ACTIVE',
    };
    expect(await describe()).toEqual([detail]);
    now += 60_000;
    await client.ask('HEAD', `${name}/manifests/v1`);
    expect(await describe()).toEqual([detail]);
    await client.ask('GET', `${name}/manifests/v1`);
    expect(await describe()).toEqual([{ ...detail, lastRecordedPullTime: new Date(now) }]);
    const arn = `arn:aws:iam::${account}:role/scanner`;
    await client.ecr.send(new ecr.RegisterPullTimeUpdateExclusionCommand({ principalArn: arn }));
    now += 60_000;
    const scanner = { accountId: account, region: 'us-east-1', arn };
    const { password } = await stack.registry.deps.tokens.issue(scanner, 60);
    const headers = { authorization: `Bearer ${password}` };
    expect((await send(stack.endpoint, 'GET', `${name}/manifests/v1`, { headers })).status).toBe(200);
    expect(await describe()).toEqual([{ ...detail, lastRecordedPullTime: new Date(now - 60_000) }]);
    await client.ecr.send(new ecr.DeregisterPullTimeUpdateExclusionCommand({ principalArn: arn }));
  });

  it('are listed by tag, page by page, also those without one', async () => {
    const name = await repository();
    const { manifest, digest } = await client.image(name, 'b');
    await put(name, manifest, 'a');
    const untagged = await client.image(name, '');
    const list = async (input: Partial<ecr.ListImagesCommandInput> = {}) =>
      await client.ecr.send(new ecr.ListImagesCommand({ repositoryName: name, ...input }));
    const all = [
      { imageDigest: digest, imageTag: 'a' },
      { imageDigest: digest, imageTag: 'b' },
      { imageDigest: untagged.digest },
    ].sort((one, two) => (`${one.imageDigest}${one.imageTag}` < `${two.imageDigest}${two.imageTag}` ? -1 : 1));
    expect((await list()).imageIds).toEqual(all);
    const tagged = await list({ filter: { tagStatus: 'TAGGED' }, maxResults: 1 });
    expect(tagged.imageIds).toEqual([{ imageDigest: digest, imageTag: 'a' }]);
    const rest = await list({ filter: { tagStatus: 'TAGGED' }, nextToken: tagged.nextToken });
    expect(rest.imageIds).toEqual([{ imageDigest: digest, imageTag: 'b' }]);
    expect((await list({ filter: { tagStatus: 'UNTAGGED' } })).imageIds).toEqual([{ imageDigest: untagged.digest }]);
    const described: (string | undefined)[] = [];
    let nextToken: string | undefined;
    do {
      const page = await client.ecr.send(
        new ecr.DescribeImagesCommand({ repositoryName: name, maxResults: 1, nextToken }),
      );
      described.push(...(page.imageDetails ?? []).map(({ imageDigest }) => imageDigest));
      nextToken = page.nextToken;
    } while (nextToken);
    expect(described).toEqual([digest, untagged.digest].sort());
    expect(
      await failure(
        client.ecr.send(new ecr.DescribeImagesCommand({ repositoryName: name, imageIds: [{ imageTag: 'x' }] })),
      ),
    ).toEqual({
      name: 'ImageNotFoundException',
      message: `The image with imageId {imageDigest:null, imageTag:'x'} does not exist within the repository with name '${name}' in the registry with id '${account}'`,
    });
  });

  it('are got, put and deleted in batches, with failures one by one', async () => {
    const name = await repository();
    const { manifest, digest, layers } = await client.image(name, 'v1');
    await put(name, manifest, 'v2');
    const got = await client.ecr.send(
      new ecr.BatchGetImageCommand({
        repositoryName: name,
        imageIds: [{ imageTag: 'v1' }, { imageDigest: digest }, { imageTag: 'none' }, { imageDigest: 'x' }, {}],
      }),
    );
    expect(got.images).toEqual([
      {
        registryId: account,
        repositoryName: name,
        imageId: { imageDigest: digest, imageTag: 'v1' },
        imageManifest: manifest,
        imageManifestMediaType: mediaTypes.ociManifest,
      },
      {
        registryId: account,
        repositoryName: name,
        imageId: { imageDigest: digest },
        imageManifest: manifest,
        imageManifestMediaType: mediaTypes.ociManifest,
      },
    ]);
    expect(got.failures?.map(({ failureCode }) => failureCode)).toEqual([
      'ImageNotFound',
      'InvalidImageDigest',
      'MissingDigestAndTag',
    ]);
    expect(await failure(put(name, manifest, 'v1'))).toEqual({
      name: 'ImageAlreadyExistsException',
      message: `Image with digest '${digest}' and tag 'v1' already exists in the repository with name '${name}' in registry with id '${account}'`,
    });
    const config = { digest: await client.blob(name, '{}'), size: 2 };
    const without = imageManifest(config, [{ digest: missing, size: 1 }]);
    expect(await failure(put(name, without, 'v3'))).toEqual({
      name: 'LayersNotFoundException',
      message: `Layers with digests '[${missing}]' required for pushing image into repository with name '${name}' in the registry with id '${account}' do not exist`,
    });
    const index = JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociIndex,
      manifests: [{ mediaType: mediaTypes.ociManifest, digest: missing, size: 1 }],
    });
    expect((await failure(put(name, index, 'v3'))).name).toBe('ReferencedImagesNotFoundException');
    expect((await failure(put(name, manifest, 'v3', { imageDigest: missing }))).name).toBe(
      'ImageDigestDoesNotMatchException',
    );
    expect((await failure(put(name, 'nonsense', 'v3'))).name).toBe('InvalidParameterException');

    const deleted = await client.ecr.send(
      new ecr.BatchDeleteImageCommand({
        repositoryName: name,
        imageIds: [{ imageTag: 'v1' }, { imageTag: 'none' }, { imageDigest: missing, imageTag: 'v2' }],
      }),
    );
    expect(deleted.imageIds).toEqual([{ imageDigest: digest, imageTag: 'v1' }]);
    expect(deleted.failures?.map(({ failureCode }) => failureCode)).toEqual([
      'ImageNotFound',
      'ImageTagDoesNotMatchDigest',
    ]);
    const last = await client.ecr.send(
      new ecr.BatchDeleteImageCommand({ repositoryName: name, imageIds: [{ imageTag: 'v2' }] }),
    );
    expect(last.imageIds).toEqual([{ imageDigest: digest, imageTag: 'v2' }]);
    expect((await client.ask('GET', `${name}/manifests/${digest}`)).status).toBe(404);
    expect((await client.ask('HEAD', `${name}/blobs/${layers[0]}`)).status).toBe(200);
  });

  it('do not go while an index names them', async () => {
    const name = await repository();
    const { digest, manifest } = await client.image(name, '');
    const index = JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociIndex,
      manifests: [{ mediaType: mediaTypes.ociManifest, digest, size: manifest.length }],
    });
    await put(name, index, 'all');
    const remove = async (id: ecr.ImageIdentifier) =>
      await client.ecr.send(new ecr.BatchDeleteImageCommand({ repositoryName: name, imageIds: [id] }));
    expect((await remove({ imageDigest: digest })).failures).toEqual([
      {
        imageId: { imageDigest: digest },
        failureCode: 'ImageReferencedByManifestList',
        failureReason: `Requested image referenced by manifest list: [${digestOf(index)}]`,
      },
    ]);
    expect((await remove({ imageTag: 'all' })).failures).toEqual([]);
    expect((await remove({ imageDigest: digest })).failures).toEqual([]);
  });

  it('are archived and brought back', async () => {
    const name = await repository();
    await client.image(name, 'v1');
    const store = async (targetStorageClass: 'ARCHIVE' | 'STANDARD') =>
      (
        await client.ecr.send(
          new ecr.UpdateImageStorageClassCommand({
            repositoryName: name,
            imageId: { imageTag: 'v1' },
            targetStorageClass,
          }),
        )
      ).imageStatus;
    expect(await store('ARCHIVE')).toBe('ARCHIVED');
    expect(await client.ask('GET', `${name}/manifests/v1`)).toMatchObject({ status: 403, code: 'DENIED' });
    const list = await client.ecr.send(
      new ecr.ListImagesCommand({ repositoryName: name, filter: { imageStatus: 'ACTIVE' } }),
    );
    expect(list.imageIds).toEqual([]);
    expect(await store('STANDARD')).toBe('ACTIVE');
    expect((await client.ask('GET', `${name}/manifests/v1`)).status).toBe(200);
  });

  it('list what is about them', async () => {
    const name = await repository();
    const { digest } = await client.image(name, 'v1');
    const config = { digest: await client.blob(name, '{}'), size: 2 };
    const subject = { mediaType: mediaTypes.ociManifest, digest, size: 1 };
    const signature = imageManifest(config, [], { subject, artifactType: 'application/vnd.example.signature' });
    await put(name, signature);
    const { referrers } = await client.ecr.send(
      new ecr.ListImageReferrersCommand({ repositoryName: name, subjectId: { imageDigest: digest } }),
    );
    expect(referrers).toEqual([
      {
        digest: digestOf(signature),
        mediaType: mediaTypes.ociManifest,
        artifactType: 'application/vnd.example.signature',
        size: signature.length,
        artifactStatus: 'ACTIVE',
      },
    ]);
  });
});

describe('layers', () => {
  it('come part by part, and are had by an address', { timeout: 90_000 }, async () => {
    const name = await repository();
    const layer = randomBytes(6 * 2 ** 20);
    const digest = digestOf(layer);
    const { uploadId = '', partSize } = await client.ecr.send(
      new ecr.InitiateLayerUploadCommand({ repositoryName: name }),
    );
    expect(partSize).toBe(10_485_760);
    const part = async (partFirstByte: number, partLastByte: number, layerPartBlob: Uint8Array) =>
      await client.ecr.send(
        new ecr.UploadLayerPartCommand({ repositoryName: name, uploadId, partFirstByte, partLastByte, layerPartBlob }),
      );
    const half = 5 * 2 ** 20;
    expect((await part(0, half - 1, layer.subarray(0, half))).lastByteReceived).toBe(half - 1);
    // As a client sends it again that has lost the answer.
    expect((await part(0, half - 1, layer.subarray(0, half))).lastByteReceived).toBe(half - 1);
    const wrong = part(0, half - 1, layer.subarray(1, half + 1));
    await expect(wrong).rejects.toMatchObject({
      name: 'InvalidLayerPartException',
      lastValidByteReceived: half - 1,
      uploadId,
    });
    await expect(part(half, half + 1, layer.subarray(half))).rejects.toMatchObject({
      name: 'InvalidLayerPartException',
    });
    await part(half, layer.length - 1, layer.subarray(half));
    const complete = async (layerDigest: string) =>
      await client.ecr.send(
        new ecr.CompleteLayerUploadCommand({ repositoryName: name, uploadId, layerDigests: [layerDigest] }),
      );
    expect(await complete(digest)).toMatchObject({
      registryId: account,
      repositoryName: name,
      uploadId,
      layerDigest: digest,
    });
    expect((await failure(complete(digest))).name).toBe('UploadNotFoundException');
    const { layers, failures } = await client.ecr.send(
      new ecr.BatchCheckLayerAvailabilityCommand({ repositoryName: name, layerDigests: [digest, missing, 'x'] }),
    );
    expect(layers).toEqual([
      { layerDigest: digest, layerAvailability: 'AVAILABLE', layerSize: layer.length },
      { layerDigest: missing, layerAvailability: 'UNAVAILABLE' },
    ]);
    expect(failures).toMatchObject([{ layerDigest: 'x', failureCode: 'InvalidLayerDigest' }]);
    const { downloadUrl = '' } = await client.ecr.send(
      new ecr.GetDownloadUrlForLayerCommand({ repositoryName: name, layerDigest: digest }),
    );
    const { pathname, search } = new URL(downloadUrl);
    const got = await send(stack.endpoint, 'GET', pathname + search);
    expect(got.body.equals(layer)).toBe(true);
    expect((await send(stack.endpoint, 'DELETE', pathname + search)).status).toBe(403);
    // The address is that layer's, not the repository's.
    const { layers: others } = await client.image(name, 'v1');
    for (const other of [`blobs/${others[0]}`, 'manifests/v1', 'tags/list', `referrers/${digest}`]) {
      const path = pathname.replace(/blobs\/.*/, other) + search;
      expect((await send(stack.endpoint, 'GET', path)).status).toBe(403);
    }
    expect((await send(stack.endpoint, 'GET', `/v2/_catalog${search}`)).status).toBe(403);
    expect(
      (
        await failure(
          client.ecr.send(new ecr.GetDownloadUrlForLayerCommand({ repositoryName: name, layerDigest: missing })),
        )
      ).name,
    ).toBe('LayersNotFoundException');
  });

  it('are refused when they are nothing, too small, wrong or there', async () => {
    const name = await repository();
    const upload = async (parts: readonly Uint8Array[], layerDigest: string) => {
      const { uploadId } = await client.ecr.send(new ecr.InitiateLayerUploadCommand({ repositoryName: name }));
      let at = 0;
      for (const layerPartBlob of parts) {
        await client.ecr.send(
          new ecr.UploadLayerPartCommand({
            repositoryName: name,
            uploadId,
            partFirstByte: at,
            partLastByte: at + layerPartBlob.length - 1,
            layerPartBlob,
          }),
        );
        at += layerPartBlob.length;
      }
      return (
        await failure(
          client.ecr.send(
            new ecr.CompleteLayerUploadCommand({ repositoryName: name, uploadId, layerDigests: [layerDigest] }),
          ),
        )
      ).name;
    };
    const bytes = randomBytes(100);
    expect(await upload([], missing)).toBe('EmptyUploadException');
    expect(await upload([bytes, bytes], missing)).toBe('LayerPartTooSmallException');
    expect(await upload([bytes], missing)).toBe('InvalidLayerException');
    const digest = await client.blob(name, bytes);
    expect(await upload([bytes], digest)).toBe('LayerAlreadyExistsException');
  });
});

describe('access', () => {
  it('ends with the token', async () => {
    const name = await repository();
    await client.image(name, 'v1');
    const { password } = await stack.registry.deps.tokens.issue(
      { accountId: account, region: 'us-east-1', arn: `arn:aws:iam::${account}:root` },
      60,
    );
    const headers = { authorization: `Basic ${Buffer.from(`AWS:${password}`).toString('base64')}` };
    expect((await send(stack.endpoint, 'GET', `${name}/manifests/v1`, { headers })).status).toBe(200);
    now += 61_000;
    expect(await send(stack.endpoint, 'GET', `${name}/manifests/v1`, { headers })).toMatchObject({
      status: 401,
      message: 'Your authorization token has expired. Reauthenticate and try again.',
    });
    for (const text of [`AWS:${password}x`, 'AWS:', 'AWS:v1.abc.def', `root:${password}`]) {
      const wrong = { authorization: `Basic ${Buffer.from(text).toString('base64')}` };
      expect((await send(stack.endpoint, 'GET', '/v2/', { headers: wrong })).status).toBe(401);
    }
  });

  it('is another account’s by a repository policy, for what it allows', async () => {
    const name = await repository();
    const path = `${account}/us-east-1/${name}`;
    const { digest } = await client.image(name, 'v1');
    const pull = async () => await other.ask('GET', `${path}/manifests/v1`);
    const ask = async () =>
      await other.ecr.send(
        new ecr.DescribeImagesCommand({
          registryId: account,
          repositoryName: name,
          imageIds: [{ imageDigest: digest }],
        }),
      );
    const refused = await pull();
    expect(refused).toMatchObject({ status: 403, code: 'DENIED' });
    expect(refused.message).toBe(
      `User: arn:aws:iam::111122223333:root is not authorized to perform: ecr:BatchGetImage on resource: arn:aws:ecr:us-east-1:${account}:repository/${name} because no resource-based policy allows the ecr:BatchGetImage action`,
    );
    expect((await failure(ask())).name).toBe('AccessDeniedException');
    const allow = {
      Effect: 'Allow',
      Principal: { AWS: '111122223333' },
      Action: ['ecr:BatchGetImage', 'ecr:Describe*'],
    };
    const set = async (...Statement: object[]) =>
      await client.ecr.send(
        new ecr.SetRepositoryPolicyCommand({
          repositoryName: name,
          policyText: JSON.stringify({ Version: '2008-10-17', Statement }),
        }),
      );
    await set(allow);
    expect((await pull()).status).toBe(200);
    expect((await ask()).imageDetails).toHaveLength(1);
    expect((await other.ask('POST', `${path}/blobs/uploads/`)).status).toBe(403);
    await set(allow, { Effect: 'Deny', Principal: '*', Action: 'ecr:BatchGetImage' });
    expect((await pull()).status).toBe(403);
    expect((await client.ask('GET', `${name}/manifests/v1`)).status).toBe(403);
    for (const wrong of [{ Principal: 'xx' }, { Principal: { AWS: 'xx' } }, { Action: 's3:GetObject' }])
      expect(await failure(set({ Effect: 'Allow', Principal: '*', Action: 'ecr:*', ...wrong }))).toMatchObject({
        name: 'InvalidParameterException',
        message: expect.stringContaining('Invalid repository policy provided'),
      });
    expect((await failure(set({ Effect: 'Deny', Principal: '*', Action: '*' }))).name).toBe(
      'InvalidParameterException',
    );
    expect(
      (await failure(client.ecr.send(new ecr.SetRepositoryPolicyCommand({ repositoryName: name, policyText: '{}' }))))
        .name,
    ).toBe('InvalidParameterException');
    const { policyText } = await client.ecr.send(new ecr.GetRepositoryPolicyCommand({ repositoryName: name }));
    expect(JSON.parse(policyText ?? '').Statement).toHaveLength(2);
    await client.ecr.send(new ecr.DeleteRepositoryPolicyCommand({ repositoryName: name }));
    expect(await failure(client.ecr.send(new ecr.GetRepositoryPolicyCommand({ repositoryName: name })))).toEqual({
      name: 'RepositoryPolicyNotFoundException',
      message: `Repository policy does not exist for the repository with name '${name}' in the registry with id '${account}'`,
    });
    expect((await client.ask('GET', `${name}/manifests/v1`)).status).toBe(200);
  });

  it('is another account’s by the registry’s policy, where that is for all actions', async () => {
    const name = await repository();
    await client.image(name, 'v1');
    const pull = async () => (await other.ask('GET', `${account}/us-east-1/${name}/manifests/v1`)).status;
    const describe = async () =>
      await other.ecr.send(new ecr.DescribeImagesCommand({ registryId: account, repositoryName: name }));
    const scope = async (value: string) =>
      await client.ecr.send(new ecr.PutAccountSettingCommand({ name: 'REGISTRY_POLICY_SCOPE', value }));
    const set = async (Effect: string, Action: string) => {
      const Statement = [{ Effect, Principal: { AWS: '111122223333' }, Action, Resource: '*' }];
      const policyText = JSON.stringify({ Version: '2012-10-17', Statement });
      await client.ecr.send(new ecr.PutRegistryPolicyCommand({ policyText }));
    };
    try {
      await set('Allow', 'ecr:*');
      expect(await pull()).toBe(403);
      await scope('V2');
      expect(await pull()).toBe(200);
      expect((await describe()).imageDetails).toHaveLength(1);
      await set('Deny', 'ecr:BatchGetImage');
      const repositoryPolicy = [{ Effect: 'Allow', Principal: '*', Action: 'ecr:*' }];
      const policyText = JSON.stringify({ Version: '2012-10-17', Statement: repositoryPolicy });
      await client.ecr.send(new ecr.SetRepositoryPolicyCommand({ repositoryName: name, policyText }));
      expect(await pull()).toBe(403);
      expect((await describe()).imageDetails).toHaveLength(1);
    } finally {
      await scope('V1');
      await client.ecr.send(new ecr.DeleteRegistryPolicyCommand({}));
    }
    expect(await pull()).toBe(200);
  });

  it('is its own repositories’ first: a short name says where yours is', async () => {
    await other.ecr.send(new ecr.CreateRepositoryCommand({ repositoryName: 'mine' }));
    const path = '111122223333/us-east-1/mine';
    await other.image(path, 'v1');
    expect((await other.ask('GET', `${path}/manifests/v1`)).status).toBe(200);
    expect((await client.ask('GET', `${path}/manifests/v1`)).status).toBe(403);
    await client.ecr.send(new ecr.CreateRepositoryCommand({ repositoryName: 'mine' }));
    expect((await client.ask('GET', 'mine/tags/list')).status).toBe(200);
  });
});

describe('a registry', () => {
  it('has a policy, account settings and a scanning configuration', async () => {
    expect((await failure(client.ecr.send(new ecr.GetRegistryPolicyCommand({})))).name).toBe(
      'RegistryPolicyNotFoundException',
    );
    const policyText = JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Principal: { AWS: 'arn:aws:iam::111122223333:root' },
          Action: 'ecr:ReplicateImage',
          Resource: '*',
        },
      ],
    });
    await client.ecr.send(new ecr.PutRegistryPolicyCommand({ policyText }));
    expect(await client.ecr.send(new ecr.GetRegistryPolicyCommand({}))).toMatchObject({
      registryId: account,
      policyText,
    });
    await client.ecr.send(new ecr.DeleteRegistryPolicyCommand({}));
    const setting = async (name: string) => (await client.ecr.send(new ecr.GetAccountSettingCommand({ name }))).value;
    expect(await setting('BASIC_SCAN_TYPE_VERSION')).toBe('AWS_NATIVE');
    const put = async (name: string, value: string) =>
      await client.ecr.send(new ecr.PutAccountSettingCommand({ name, value }));
    await put('BASIC_SCAN_TYPE_VERSION', 'CLAIR');
    expect(await setting('BASIC_SCAN_TYPE_VERSION')).toBe('CLAIR');
    expect((await failure(put('REGISTRY_POLICY_SCOPE', 'V3'))).name).toBe('InvalidParameterException');
    expect((await failure(setting('NOTHING'))).name).toBe('InvalidParameterException');
    const name = await repository();
    await client.ecr.send(
      new ecr.PutRegistryScanningConfigurationCommand({
        scanType: 'BASIC',
        rules: [{ scanFrequency: 'SCAN_ON_PUSH', repositoryFilters: [{ filter: 'api/*', filterType: 'WILDCARD' }] }],
      }),
    );
    const { scanningConfigurations, failures } = await client.ecr.send(
      new ecr.BatchGetRepositoryScanningConfigurationCommand({ repositoryNames: [name, 'none'] }),
    );
    expect(scanningConfigurations).toMatchObject([
      { repositoryName: name, scanOnPush: true, scanFrequency: 'SCAN_ON_PUSH' },
    ]);
    expect(failures).toMatchObject([{ repositoryName: 'none', failureCode: 'REPOSITORY_NOT_FOUND' }]);
    await client.ecr.send(new ecr.PutRegistryScanningConfigurationCommand({ scanType: 'BASIC', rules: [] }));
  });

  it('makes repositories on a push by a template', async () => {
    await client.ecr.send(
      new ecr.CreateRepositoryCreationTemplateCommand({
        prefix: 'pushed',
        appliedFor: ['CREATE_ON_PUSH'],
        imageTagMutability: 'IMMUTABLE',
        resourceTags: [{ Key: 'made', Value: 'by push' }],
      }),
    );
    await client.image('pushed/app', 'v1');
    const { repositories } = await client.ecr.send(
      new ecr.DescribeRepositoriesCommand({ repositoryNames: ['pushed/app'] }),
    );
    expect(repositories).toMatchObject([{ imageTagMutability: 'IMMUTABLE' }]);
    const { repositoryCreationTemplate } = await client.ecr.send(
      new ecr.UpdateRepositoryCreationTemplateCommand({ prefix: 'pushed', imageTagMutability: 'MUTABLE' }),
    );
    expect(repositoryCreationTemplate).toMatchObject({
      prefix: 'pushed',
      imageTagMutability: 'MUTABLE',
      appliedFor: ['CREATE_ON_PUSH'],
    });
    const { repositoryCreationTemplates } = await client.ecr.send(
      new ecr.DescribeRepositoryCreationTemplatesCommand({}),
    );
    expect(repositoryCreationTemplates).toHaveLength(1);
    await client.ecr.send(new ecr.DeleteRepositoryCreationTemplateCommand({ prefix: 'pushed' }));
    expect(
      (await failure(client.ecr.send(new ecr.DeleteRepositoryCreationTemplateCommand({ prefix: 'pushed' })))).name,
    ).toBe('TemplateNotFoundException');
    expect((await client.ask('POST', 'pushed/other/blobs/uploads/')).status).toBe(404);
  });

  it('says what it does not do', async () => {
    expect(await failure(client.ecr.send(new ecr.GetSigningConfigurationCommand({})))).toEqual({
      name: 'ValidationException',
      message: 'Longshore does not implement GetSigningConfiguration yet.',
    });
  });
});
