/** The repository and the image that a request is about. */
import { AccessDeniedError, checkAccess, type RegistryAction } from '../../core/registry/access.ts';
import { fullPath, parseRepositoryPath, repositoryPath } from '../../core/registry/address.ts';
import { type Digest, isDigest } from '../../core/registry/digest.ts';
import { isRepositoryName, isTag } from '../../core/registry/repository.ts';
import type { StoredRepository } from '../../core/store/repository-store.ts';
import { RegistryError } from './errors.ts';
import type { Exchange } from './exchange.ts';

/**
 * @param path as a client writes it; default: the request's
 * @throws RegistryError
 */
export async function findRepository(
  exchange: Exchange,
  action: RegistryAction,
  path: string = exchange.path,
): Promise<StoredRepository> {
  const { deps, principal } = exchange;
  const { blob } = principal.only ?? {};
  if (blob !== undefined && exchange.reference !== blob)
    throw new RegistryError('DENIED', 'This address is for one layer only');
  const target = parseRepositoryPath(path, deps.home);
  if (!isRepositoryName(target.name))
    throw new RegistryError('NAME_INVALID', `${path.slice(0, 300)} is not the name of a repository`);
  const [existing, ofRegistry] = await Promise.all([
    deps.repositories.get(target, target.name),
    deps.registryPolicy(target),
  ]);
  const mayCreate = !existing && action === 'InitiateLayerUpload' && principal.accountId === target.accountId;
  const found = mayCreate ? await deps.createOnPush(target, target.name) : existing;
  try {
    checkAccess(principal, target, target.name, [found?.repository.policyText, ofRegistry], action);
  } catch (error) {
    if (error instanceof AccessDeniedError) throw new RegistryError('DENIED', error.message);
    throw error;
  }
  if (found) return found;
  const own = { ...principal, name: target.name };
  const elsewhere = fullPath(own) !== fullPath(target) && (await deps.repositories.get(own, target.name));
  const hint = elsewhere ? `; yours is at ${repositoryPath(own, deps.home)}` : '';
  throw new RegistryError(
    'NAME_UNKNOWN',
    `The repository with name '${target.name}' does not exist in the registry with id '${target.accountId}'${hint}`,
    { detail: { name: target.name } },
  );
}

export function digestIn(text: string | null): Digest {
  if (text !== null && isDigest(text)) return text;
  throw new RegistryError('DIGEST_INVALID', `${(text ?? '').slice(0, 200)} is not a SHA-256 digest`);
}

export type Reference = { readonly digest: Digest } | { readonly tag: string };

/** Digest or tag. */
export function referenceIn(text: string): Reference {
  if (text.includes(':')) return { digest: digestIn(text) };
  if (isTag(text)) return { tag: text };
  throw new RegistryError('TAG_INVALID', `${text.slice(0, 200)} is not a tag`);
}

/** Digest of the image that a reference names. */
export async function resolveReference(
  { deps }: Exchange,
  { repository }: StoredRepository,
  reference: Reference,
): Promise<Digest> {
  const digest = 'digest' in reference ? reference.digest : await deps.images.digestOf(repository.id, reference.tag);
  if (digest === undefined) throw unknownManifest(reference);
  return digest;
}

export function unknownManifest(reference: Reference): RegistryError {
  return new RegistryError('MANIFEST_UNKNOWN', 'Requested image not found', { detail: reference });
}
