/** What is remembered of repositories and of the images in them. */
import type {
  EncryptionConfiguration,
  ImageTagMutability,
  ImageTagMutabilityExclusionFilter,
  Tag,
} from '@aws-sdk/client-ecr';
import { partitionOf } from '../arn.ts';
import type { Scope } from '../scope.ts';
import type { Millis } from '../task.ts';
import type { Digest } from './digest.ts';
import type { Descriptor } from './manifest.ts';

export interface Repository {
  readonly name: string;
  /** Tells repositories apart that had the same name one after the other. */
  readonly id: string;
  readonly createdAt: Millis;
  readonly tagMutability: ImageTagMutability;
  readonly mutabilityExclusions?: readonly ImageTagMutabilityExclusionFilter[];
  readonly scanOnPush: boolean;
  readonly encryption: EncryptionConfiguration;
  readonly tags: readonly Tag[];
  /** JSON as it was set. */
  readonly policyText?: string;
  readonly lifecyclePolicy?: { readonly text: string; readonly evaluatedAt?: Millis };
}

/** Everything of an image that never changes. */
export interface Image {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly artifactType?: string;
  readonly pushedAt: Millis;
  /** Bytes of the manifest. */
  readonly manifestSize: number;
  /** Bytes of configuration and layers as they are stored; an index's own are none. */
  readonly size: number;
  /** What the manifest names, in its own order. */
  readonly blobs: readonly Descriptor[];
  readonly children: readonly Digest[];
  readonly subject?: Digest;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface ImageDetail extends Image {
  /** In order. */
  readonly tags: readonly string[];
  readonly pulledAt?: Millis;
  /** When its storage class changed last. */
  readonly storage?: ImageStorage;
}

/** ECR's storage classes, for lifecycle rules that archive. */
export interface ImageStorage {
  readonly class: 'ARCHIVE' | 'STANDARD';
  readonly archivedAt?: Millis;
  readonly activatedAt?: Millis;
}

const pattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;

export function isRepositoryName(name: string): boolean {
  return name.length >= 2 && name.length <= 256 && pattern.test(name);
}

export function repositoryArn({ accountId, region }: Scope, name: string): string {
  return `arn:${partitionOf(region)}:ecr:${region}:${accountId}:repository/${name}`;
}

/** Tags as OCI clients write them. */
export function isTag(text: string): boolean {
  return /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/.test(text);
}

/** Whether a tag, once given, may not move to another image. */
export function isImmutable({ tagMutability, mutabilityExclusions = [] }: Repository, tag: string): boolean {
  const excluded = mutabilityExclusions.some(({ filter = '' }) => matchesWildcard(filter, tag));
  switch (tagMutability) {
    case 'IMMUTABLE':
      return true;
    case 'IMMUTABLE_WITH_EXCLUSION':
      return !excluded;
    case 'MUTABLE_WITH_EXCLUSION':
      return excluded;
    default:
      return false;
  }
}

/** `*` stands for any characters. Linear in the text, whatever the pattern. */
export function matchesWildcard(wildcard: string, text: string): boolean {
  const [first = '', ...rest] = wildcard.split('*');
  if (rest.length === 0) return wildcard === text;
  const last = rest.pop() ?? '';
  if (!text.startsWith(first) || text.length < first.length + last.length || !text.endsWith(last)) return false;
  const end = text.length - last.length;
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}

export function parseRepositoryArn(arn: string): (Scope & { readonly name: string }) | undefined {
  const [, region, accountId, name] = /^arn:aws[\w-]*:ecr:([a-z0-9-]+):(\d{12}):repository\/(.+)$/.exec(arn) ?? [];
  return region === undefined || accountId === undefined || name === undefined
    ? undefined
    : { region, accountId, name };
}
