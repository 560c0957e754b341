/**
 * Where a repository is found. On AWS every account and region has a host name of its own; here one host has them all:
 * the installation's own account and region at `HOST/NAME`, and each of them at `HOST/ACCOUNT/REGION/NAME`.
 */
import type { Scope } from '../scope.ts';

export interface RepositoryPath extends Scope {
  readonly name: string;
}

const scoped = /^(\d{12})\/([a-z]{2,4}(?:-[a-z]+)+-\d+)\/(.+)$/;
const awsHost =
  /^(\d{12})\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|on\.(?:aws|amazonwebservices\.com\.cn))$/;

/** @param home account and region of paths that name none */
export function parseRepositoryPath(path: string, home: Scope): RepositoryPath {
  const [, accountId, region, name] = scoped.exec(path) ?? [];
  if (accountId === undefined || region === undefined || name === undefined)
    return { accountId: home.accountId, region: home.region, name: path };
  return { accountId, region, name };
}

/** The full form, which means the same whatever an installation's own account is. */
export function fullPath({ accountId, region, name }: RepositoryPath): string {
  return `${accountId}/${region}/${name}`;
}

/** The short form where there is one. */
export function repositoryPath(repository: RepositoryPath, home: Scope): string {
  const isHome = repository.accountId === home.accountId && repository.region === home.region;
  return isHome && !scoped.test(repository.name) ? repository.name : fullPath(repository);
}

export interface ImageAddress {
  /** `127.0.0.1:4566`; undefined: Docker Hub. */
  readonly host: string | undefined;
  /** Without host, tag and digest. */
  readonly path: string;
  /** As written. */
  readonly tag?: string;
  readonly digest?: string;
}

/** Takes an image's name apart, as container engines do. */
export function parseImageAddress(image: string): ImageAddress {
  const at = image.indexOf('@');
  const digest = at < 0 ? undefined : image.slice(at + 1);
  const named = at < 0 ? image : image.slice(0, at);
  const colon = named.lastIndexOf(':');
  const hasTag = colon > named.lastIndexOf('/');
  const whole = hasTag ? named.slice(0, colon) : named;
  const slash = whole.indexOf('/');
  const first = slash < 0 ? '' : whole.slice(0, slash);
  const isHost = first === 'localhost' || /[.:]/.test(first);
  return {
    host: isHost ? first : undefined,
    path: isHost ? whole.slice(slash + 1) : whole,
    ...(hasTag && { tag: named.slice(colon + 1) }),
    ...(digest !== undefined && { digest }),
  };
}

/** Account and region of a host name as ECR's are. */
export function parseAwsRegistryHost(host: string): Scope | undefined {
  const [, accountId, region] = awsHost.exec(host) ?? [];
  return accountId === undefined || region === undefined ? undefined : { accountId, region };
}
