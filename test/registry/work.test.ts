/** What a registry does by itself: lifecycle policies, replication, caches of other registries, garbage, scans. */
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as ecr from '@aws-sdk/client-ecr';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collectGarbage, expireUploads } from '../../core/registry/garbage.ts';
import { mediaTypes } from '../../core/registry/manifest.ts';
import { eventually } from '../support/eventually.ts';
import { type ApiStack, createApiStack } from '../support/stack.ts';
import { digestOf, imageManifest, type RegistryClient, registryClient } from './client.ts';

const account = '000000000000';
const day = 24 * 3600 * 1000;
const patience = { upload: day, blob: 3600 * 1000 };
let stack: ApiStack;
let client: RegistryClient;
/** Time as the registry sees it is this much ahead. */
let ahead = 0;

beforeAll(async () => {
  stack = await createApiStack({ clock: () => Date.now() + ahead });
  client = await registryClient(stack);
});
afterAll(async () => {
  client.ecr.destroy();
  await stack.close();
});

async function create(repositoryName: string): Promise<string> {
  await client.ecr.send(new ecr.CreateRepositoryCommand({ repositoryName }));
  return repositoryName;
}

async function tagsOf(name: string): Promise<readonly string[]> {
  return JSON.parse((await client.ask('GET', `${name}/tags/list`)).body.toString()).tags;
}

/** Everything that a client would read of an image. */
async function pull(from: RegistryClient, name: string, reference: string): Promise<void> {
  const { status, body, headers } = await from.ask('GET', `${name}/manifests/${reference}`);
  expect(status).toBe(200);
  expect(digestOf(body)).toBe(headers['docker-content-digest']);
  const { config, layers = [], manifests = [] } = JSON.parse(body.toString());
  for (const { digest } of manifests) await pull(from, name, digest);
  for (const { digest } of config ? [config, ...layers] : []) {
    const blob = await from.ask('GET', `${name}/blobs/${digest}`);
    expect(blob.status).toBe(200);
    expect(digestOf(blob.body)).toBe(digest);
  }
}

describe('lifecycle policies', () => {
  it('are kept, previewed and applied', async () => {
    const name = await create('work/lifecycle');
    const named = { repositoryName: name };
    for (const tag of ['v1', 'v2', 'v3']) {
      await client.image(name, tag);
      ahead += 1000;
    }
    const lifecyclePolicyText = JSON.stringify({
      rules: [
        {
          rulePriority: 1,
          selection: { tagStatus: 'any', countType: 'imageCountMoreThan', countNumber: 2 },
          action: { type: 'expire' },
        },
      ],
    });
    await expect(client.ecr.send(new ecr.GetLifecyclePolicyCommand(named))).rejects.toMatchObject({
      name: 'LifecyclePolicyNotFoundException',
      message: `Lifecycle policy does not exist for the repository with name '${name}' in the registry with id '${account}'`,
    });
    await expect(
      client.ecr.send(
        new ecr.PutLifecyclePolicyCommand({ ...named, lifecyclePolicyText: '{"rules":[1]}'.padEnd(120) }),
      ),
    ).rejects.toMatchObject({
      name: 'InvalidParameterException',
      message:
        "Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy validation failure: instance type (number) does not match any allowed primitive type (allowed: [\"object\"])'",
    });
    await expect(client.ecr.send(new ecr.GetLifecyclePolicyPreviewCommand(named))).rejects.toMatchObject({
      name: 'LifecyclePolicyPreviewNotFoundException',
    });
    const started = await client.ecr.send(
      new ecr.StartLifecyclePolicyPreviewCommand({ ...named, lifecyclePolicyText }),
    );
    expect(started.status).toBe('IN_PROGRESS');
    const preview = await client.ecr.send(new ecr.GetLifecyclePolicyPreviewCommand(named));
    expect(preview).toMatchObject({
      status: 'COMPLETE',
      previewResults: [{ imageTags: ['v1'], action: { type: 'EXPIRE' }, appliedRulePriority: 1 }],
      summary: { expiringImageTotalCount: 1 },
    });
    await stack.registry.maintain();
    expect(await tagsOf(name)).toEqual(['v1', 'v2', 'v3']);
    await client.ecr.send(new ecr.PutLifecyclePolicyCommand({ ...named, lifecyclePolicyText }));
    await stack.registry.maintain();
    expect(await tagsOf(name)).toEqual(['v2', 'v3']);
    // A push is followed by the policy.
    ahead += 1000;
    await client.image(name, 'v4');
    await stack.registry.maintain();
    expect(await tagsOf(name)).toEqual(['v3', 'v4']);
    const got = await client.ecr.send(new ecr.GetLifecyclePolicyCommand(named));
    expect(got).toMatchObject({ lifecyclePolicyText });
    expect(got.lastEvaluatedAt?.getTime()).toBeGreaterThan(0);
    expect(await client.ecr.send(new ecr.DeleteLifecyclePolicyCommand(named))).toMatchObject({ lifecyclePolicyText });
  });
});

describe('replication', () => {
  it('brings what is pushed to other regions, and to accounts that allow it', async () => {
    const name = await create('replicated/app');
    const paris = await registryClient(stack, { region: 'eu-west-3' });
    const partner = await registryClient(stack, { accountId: '111122223333' });
    const stranger = '444455556666';
    await partner.ecr.send(
      new ecr.PutRegistryPolicyCommand({
        policyText: JSON.stringify({
          Version: '2012-10-17',
          Statement: [
            {
              Effect: 'Allow',
              Principal: { AWS: `arn:aws:iam::${account}:root` },
              Action: ['ecr:ReplicateImage', 'ecr:CreateRepository'],
              Resource: '*',
            },
          ],
        }),
      }),
    );
    const destinations = [
      { region: 'eu-west-3', registryId: account },
      { region: 'us-east-1', registryId: '111122223333' },
      { region: 'us-east-1', registryId: stranger },
    ];
    const rules = [
      { destinations, repositoryFilters: [{ filter: 'replicated', filterType: 'PREFIX_MATCH' as const }] },
    ];
    await client.ecr.send(new ecr.PutReplicationConfigurationCommand({ replicationConfiguration: { rules } }));
    expect((await client.ecr.send(new ecr.DescribeRegistryCommand({}))).replicationConfiguration).toEqual({ rules });
    const child = await client.image(name, '');
    const index = JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociIndex,
      manifests: [{ mediaType: mediaTypes.ociManifest, digest: child.digest, size: child.manifest.length }],
    });
    await client.ask('PUT', `${name}/manifests/v1`, { headers: { 'content-type': mediaTypes.ociIndex }, body: index });
    const statuses = await eventually('the replication to end', async () => {
      const { replicationStatuses = [] } = await client.ecr.send(
        new ecr.DescribeImageReplicationStatusCommand({ repositoryName: name, imageId: { imageTag: 'v1' } }),
      );
      return replicationStatuses.some(({ status }) => status === 'IN_PROGRESS') ? undefined : replicationStatuses;
    });
    expect(statuses).toHaveLength(3);
    expect(statuses).toContainEqual({ region: 'eu-west-3', registryId: account, status: 'COMPLETE' });
    expect(statuses).toContainEqual({ region: 'us-east-1', registryId: '111122223333', status: 'COMPLETE' });
    expect(statuses).toContainEqual({
      region: 'us-east-1',
      registryId: stranger,
      status: 'FAILED',
      failureCode: 'AccessDenied',
    });
    await pull(paris, `${account}/eu-west-3/${name}`, 'v1');
    await pull(partner, `111122223333/us-east-1/${name}`, 'v1');
    await client.ecr.send(new ecr.PutReplicationConfigurationCommand({ replicationConfiguration: { rules: [] } }));
    const self = [{ destinations: [{ region: 'us-east-1', registryId: account }] }];
    await expect(
      client.ecr.send(new ecr.PutReplicationConfigurationCommand({ replicationConfiguration: { rules: self } })),
    ).rejects.toMatchObject({ name: 'ValidationException' });
    paris.ecr.destroy();
    partner.ecr.destroy();
  });
});

describe('a pull-through cache', () => {
  it('has images of another registry that wants credentials, and what it had when that is gone', async () => {
    const upstream = await createApiStack();
    const far = await registryClient(upstream);
    await far.ecr.send(new ecr.CreateRepositoryCommand({ repositoryName: 'library/app' }));
    const { digest, manifest } = await far.image('library/app', 'v1', [1000, 2000]);
    const index = JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociIndex,
      manifests: [{ mediaType: mediaTypes.ociManifest, digest, size: manifest.length }],
    });
    await far.ask('PUT', 'library/app/manifests/multi', {
      headers: { 'content-type': mediaTypes.ociIndex },
      body: index,
    });
    const secrets = new SecretsManagerClient({
      endpoint: stack.endpoint,
      region: 'us-east-1',
      credentials: await stack.key(),
    });
    const password = Buffer.from(far.authorization.slice('Basic '.length), 'base64').toString().slice('AWS:'.length);
    const { ARN: credentialArn = '' } = await secrets.send(
      new CreateSecretCommand({
        Name: 'ecr-pullthroughcache/far',
        SecretString: JSON.stringify({ username: 'AWS', accessToken: password }),
      }),
    );
    secrets.destroy();
    const url = new URL(upstream.endpoint).host;
    const rule = { ecrRepositoryPrefix: 'far', upstreamRegistryUrl: url };
    await client.ecr.send(new ecr.CreatePullThroughCacheRuleCommand({ ...rule, ecrRepositoryPrefix: 'locked' }));
    const locked = await client.ecr.send(
      new ecr.ValidatePullThroughCacheRuleCommand({ ecrRepositoryPrefix: 'locked' }),
    );
    expect(locked).toMatchObject({ isValid: false, failure: 'The upstream registry wants credentials.' });
    expect(await client.ask('GET', 'locked/library/app/manifests/v1')).toMatchObject({ status: 403, code: 'DENIED' });
    const made = await client.ecr.send(new ecr.CreatePullThroughCacheRuleCommand({ ...rule, credentialArn }));
    expect(made).toMatchObject({ ...rule, registryId: account, credentialArn, upstreamRepositoryPrefix: 'ROOT' });
    await expect(client.ecr.send(new ecr.CreatePullThroughCacheRuleCommand(rule))).rejects.toMatchObject({
      name: 'PullThroughCacheRuleAlreadyExistsException',
    });
    const valid = await client.ecr.send(new ecr.ValidatePullThroughCacheRuleCommand({ ecrRepositoryPrefix: 'far' }));
    expect(valid.isValid).toBe(true);

    expect((await client.ask('GET', 'far/library/none/manifests/v1')).status).toBe(404);
    await Promise.all([1, 2, 3].map(async () => await pull(client, 'far/library/app', 'v1')));
    await pull(client, 'far/library/app', 'multi');
    expect(await tagsOf('far/library/app')).toEqual(['multi', 'v1']);
    const changed = await far.image('library/app', 'v1');
    expect((await client.ask('HEAD', 'far/library/app/manifests/v1')).headers['docker-content-digest']).toBe(digest);
    ahead += 25 * 3600 * 1000;
    // Tokens of a day before are no good any more.
    const later = await registryClient(stack);
    expect((await later.ask('HEAD', 'far/library/app/manifests/v1')).headers['docker-content-digest']).toBe(
      changed.digest,
    );
    far.ecr.destroy();
    await upstream.close();
    ahead += 25 * 3600 * 1000;
    client.ecr.destroy();
    client = await registryClient(stack);
    await pull(client, 'far/library/app', 'v1');
    expect((await client.ask('GET', 'far/library/app/manifests/v2')).status).toBe(503);
    later.ecr.destroy();
    const { pullThroughCacheRules } = await client.ecr.send(new ecr.DescribePullThroughCacheRulesCommand({}));
    expect(pullThroughCacheRules?.map(({ ecrRepositoryPrefix }) => ecrRepositoryPrefix)).toEqual(['far', 'locked']);
    await client.ecr.send(new ecr.DeletePullThroughCacheRuleCommand({ ecrRepositoryPrefix: 'far' }));
    await expect(
      client.ecr.send(new ecr.DeletePullThroughCacheRuleCommand({ ecrRepositoryPrefix: 'far' })),
    ).rejects.toMatchObject({
      name: 'PullThroughCacheRuleNotFoundException',
    });
  });
});

describe('garbage', () => {
  it('goes while 20 pushes bring some of it back, and takes nothing that is needed', async () => {
    const name = await create('work/garbage');
    const contents = Array.from({ length: 20 }, (_, at) => `layer ${at} `.repeat(200));
    const push = async (repository: string, tag: string, layers: readonly string[]) => {
      const digests = await Promise.all(layers.map(async (layer) => await client.blob(repository, layer)));
      const config = { digest: await client.blob(repository, `{"tag":"${tag}"}`), size: 20 };
      const manifest = imageManifest(
        config,
        digests.map((digest, at) => ({ digest, size: layers[at]?.length ?? 0 })),
      );
      const { status } = await client.ask('PUT', `${repository}/manifests/${tag}`, {
        headers: { 'content-type': mediaTypes.ociManifest },
        body: manifest,
      });
      expect(status).toBe(201);
      return digestOf(manifest);
    };
    await Promise.all(contents.map(async (layer, at) => await push(name, `old-${at}`, [layer, `only old ${at}`])));
    const lost = digestOf('only old 3');
    await client.ecr.send(new ecr.DeleteRepositoryCommand({ repositoryName: name, force: true }));
    await create(name);
    ahead += 2 * 3600 * 1000;
    let pushing = true;
    const collecting = (async () => {
      let removed = 0;
      while (pushing) removed += await collectGarbage(stack.registry.deps, patience);
      return removed;
    })();
    await Promise.all(
      contents.map(async (layer, at) => await push(name, `new-${at}`, [layer, contents[(at + 1) % 20] ?? ''])),
    );
    pushing = false;
    expect((await collecting) + (await collectGarbage(stack.registry.deps, patience))).toBeGreaterThanOrEqual(20);
    expect(await tagsOf(name)).toHaveLength(20);
    for (const tag of await tagsOf(name)) await pull(client, name, tag);
    expect(await stack.registry.deps.blobs.size(lost as `sha256:${string}`)).toBeUndefined();
    expect(await readdir(join(stack.directory, 'registry', 'trash'))).toEqual([]);
  });

  it('is layers that no image names after a while, and uploads that nobody ends', async () => {
    const name = await create('work/loose');
    const digest = await client.blob(name, 'never named');
    const { headers } = await client.ask('POST', `${name}/blobs/uploads/`);
    const { deps } = stack.registry;
    await collectGarbage(deps, patience);
    expect((await client.ask('HEAD', `${name}/blobs/${digest}`)).status).toBe(200);
    ahead += 2 * 3600 * 1000;
    await collectGarbage(deps, patience);
    expect((await client.ask('HEAD', `${name}/blobs/${digest}`)).status).toBe(404);
    await expireUploads(deps, patience);
    expect((await client.ask('GET', String(headers.location))).status).toBe(204);
    ahead += day;
    await expireUploads(deps, patience);
    const later = await registryClient(stack);
    expect((await later.ask('GET', String(headers.location))).status).toBe(404);
    later.ecr.destroy();
    expect(await readdir(join(stack.directory, 'registry', 'uploads'))).toEqual([]);
  });
});

describe('a scan', () => {
  it('needs a scanner, and tells what that found', async () => {
    const scanned = await registryClient(stack);
    const name = await create('work/scanned');
    const { digest } = await scanned.image(name, 'v1');
    const named = { repositoryName: name, imageId: { imageTag: 'v1' } };
    const path = process.env.PATH;
    const folder = await mkdtemp(join(tmpdir(), 'longshore-scanner-'));
    try {
      await mkdir(join(folder, 'none'));
      process.env.PATH = join(folder, 'none');
      await expect(scanned.ecr.send(new ecr.StartImageScanCommand(named))).rejects.toMatchObject({
        name: 'ValidationException',
        message: /Trivy or Grype, and neither is installed/,
      });
      await expect(scanned.ecr.send(new ecr.DescribeImageScanFindingsCommand(named))).rejects.toMatchObject({
        name: 'ScanNotFoundException',
      });
      const report = {
        Results: [
          {
            Vulnerabilities: [
              {
                VulnerabilityID: 'CVE-2026-1',
                PkgName: 'zlib',
                InstalledVersion: '1.2',
                Severity: 'HIGH',
                Description: 'Bad.',
                PrimaryURL: 'https://example.com',
              },
            ],
          },
        ],
      };
      const script = `#!/bin/sh\nfor last; do :; done\ntest -f "$last/blobs/sha256/${digest.slice(7)}" || exit 1\necho '${JSON.stringify(report)}'\n`;
      await writeFile(join(folder, 'trivy'), script);
      await chmod(join(folder, 'trivy'), 0o755);
      process.env.PATH = `${folder}:${path}`;
      const started = await scanned.ecr.send(new ecr.StartImageScanCommand(named));
      expect(started.imageScanStatus?.status).toBe('IN_PROGRESS');
      const found = await eventually('the scan to end', async () => {
        const answer = await scanned.ecr.send(new ecr.DescribeImageScanFindingsCommand(named));
        return answer.imageScanStatus?.status === 'IN_PROGRESS' ? undefined : answer;
      });
      expect(found).toMatchObject({
        imageId: { imageDigest: digest, imageTag: 'v1' },
        imageScanStatus: { status: 'COMPLETE' },
        imageScanFindings: {
          findingSeverityCounts: { HIGH: 1 },
          findings: [
            {
              name: 'CVE-2026-1',
              severity: 'HIGH',
              attributes: [
                { key: 'package_name', value: 'zlib' },
                { key: 'package_version', value: '1.2' },
              ],
            },
          ],
        },
      });
      const { imageDetails } = await scanned.ecr.send(new ecr.DescribeImagesCommand({ repositoryName: name }));
      expect(imageDetails).toMatchObject([
        { imageScanStatus: { status: 'COMPLETE' }, imageScanFindingsSummary: { findingSeverityCounts: { HIGH: 1 } } },
      ]);
    } finally {
      process.env.PATH = path;
      await rm(folder, { recursive: true });
      scanned.ecr.destroy();
    }
  });
});
