/**
 * Images of Longshore's own registry, however a task definition writes their names. The name is resolved to a digest
 * once, with credentials that are good for this repository alone; the digest is what the engine pulls, what runs, and
 * what DescribeTasks shows.
 */
import { request } from 'node:http';
import {
  fullPath,
  parseAwsRegistryHost,
  parseImageAddress,
  parseRepositoryPath,
  type RepositoryPath,
} from '../core/registry/address.ts';
import { isDigest } from '../core/registry/digest.ts';
import { mediaTypes } from '../core/registry/manifest.ts';
import { isRepositoryName } from '../core/registry/repository.ts';
import type { TokenIssuer } from '../core/registry/tokens.ts';
import type { Scope } from '../core/scope.ts';
import type { Settings } from '../core/settings.ts';
import type { RepositoryStore } from '../core/store/repository-store.ts';
import { DriverError } from '../runtime/driver.ts';
import type { RegistryCredentials } from './registry-credentials.ts';

/** Seconds; a pull shows its credentials until its last layer has come. */
const lifetime = 3600;
/** Milliseconds that the registry may take to name a digest; an image from another registry is looked up there. */
const patience = 60_000;

export interface OwnImage {
  /** As the engine is to pull it: by digest. */
  readonly image: string;
  readonly digest: string;
  readonly credentials: RegistryCredentials;
}

/**
 * @param task account, region and role that the image is pulled for
 * @returns undefined: another registry's image
 * @throws DriverError kind image-*
 */
export type ResolveOwnImage = (
  image: string,
  task: Scope & { readonly roleArn: string | undefined },
  signal: AbortSignal,
) => Promise<OwnImage | undefined>;

export interface OwnImagesNeeds {
  readonly settings: Pick<Settings, 'accountId' | 'region' | 'ecrImages' | 'registryHost'>;
  readonly repositories: Pick<RepositoryStore, 'hasAny'>;
  readonly tokens: TokenIssuer;
  /** Where the API answers. */
  readonly endpoint: string;
  /** Port on the engine's own loopback where it finds the API. */
  readonly enginePort: number;
}

export function createResolveOwnImage(needs: OwnImagesNeeds): ResolveOwnImage {
  const { settings, tokens, endpoint, enginePort } = needs;
  const { port } = new URL(endpoint);
  const hosts = new Set(
    [settings.registryHost, new URL(endpoint).host, `127.0.0.1:${port}`, `localhost:${port}`].filter(Boolean),
  );

  async function find(
    image: string,
    task: Scope,
  ): Promise<(RepositoryPath & { readonly reference: string }) | undefined> {
    const { host, path, tag, digest } = parseImageAddress(image);
    if (host === undefined) return undefined;
    const reference = digest ?? tag ?? 'latest';
    if (hosts.has(host)) return { ...parseRepositoryPath(path, settings), reference };
    const registry = parseAwsRegistryHost(host);
    return registry && (await isOwn(registry, task)) ? { ...registry, name: path, reference } : undefined;
  }

  async function isOwn({ accountId }: Scope, task: Scope): Promise<boolean> {
    if (settings.ecrImages !== 'own') return settings.ecrImages === 'all';
    const known = accountId === task.accountId || accountId === settings.accountId;
    return known || (await needs.repositories.hasAny(accountId));
  }

  return async (image, task, signal) => {
    const found = await find(image, task);
    if (!found) return undefined;
    if (!isRepositoryName(found.name)) throw new DriverError('image-name', `invalid reference format: ${image}`);
    const repository = fullPath(found);
    const arn = task.roleArn ?? `arn:aws:iam::${task.accountId}:root`;
    const only = { repository, actions: ['pull'] as const };
    const { accountId, region } = task;
    const { password } = await tokens.issue({ accountId, region, arn, only }, lifetime);
    const credentials = { username: 'AWS', password };
    const digest = await resolveDigest(endpoint, repository, found.reference, credentials, signal);
    return { image: `127.0.0.1:${enginePort}/${repository}@${digest}`, digest, credentials };
  };
}

/** A whole GET, not a HEAD: this is the pull that the registry records. */
function resolveDigest(
  endpoint: string,
  repository: string,
  reference: string,
  { username, password }: RegistryCredentials,
  signal: AbortSignal,
): Promise<string> {
  const url = new URL(`/v2/${repository}/manifests/${encodeURIComponent(reference)}`, endpoint);
  const headers = {
    accept: Object.values(mediaTypes).join(', '),
    authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`,
  };
  return new Promise((resolve, reject) => {
    const failed = (error: Error) =>
      reject(
        signal.aborted
          ? new DriverError('cancelled', 'The pull was cancelled.', { cause: error })
          : new DriverError('image-registry', error.message, { cause: error }),
      );
    const asked = request(url, { headers, signal, timeout: patience }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', failed);
      response.on('end', () => {
        const digest = response.headers['docker-content-digest'];
        if (response.statusCode === 200 && typeof digest === 'string' && isDigest(digest)) resolve(digest);
        else reject(refusal(response.statusCode ?? 0, Buffer.concat(chunks).toString('utf8')));
      });
    });
    asked.on('timeout', () => asked.destroy(new Error('the registry did not answer in time')));
    asked.on('error', failed);
    asked.end();
  });
}

function refusal(status: number, body: string): DriverError {
  const words = messageIn(body) ?? `the registry answered with status ${status}`;
  if (status === 404 || status === 400) return new DriverError('image-not-found', words);
  if (status === 401 || status === 403) return new DriverError('image-unauthorized', words);
  return new DriverError('image-registry', words);
}

function messageIn(body: string): string | undefined {
  try {
    const { errors } = JSON.parse(body) as { readonly errors?: readonly { readonly message?: string }[] };
    return errors?.[0]?.message;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
