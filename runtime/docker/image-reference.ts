/** Image names as users write them. */
import { DriverError } from '../driver.ts';

export interface ImageReference {
  /** In full, so that a pull brings one image: with a tag or digest. */
  readonly full: string;
  /** Without tag and digest. */
  readonly repository: string;
  /** `sha256:…`, when the name has one. */
  readonly digest?: string;
}

/** By the grammar of the distribution project. A registry's host may be written in capitals, a repository may not. */
const grammar = (() => {
  const host = String.raw`(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[a-fA-F0-9:]+\])(?::\d+)?`;
  const part = String.raw`[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*`;
  const tag = String.raw`[\w][\w.-]{0,127}`;
  const digest = '[a-zA-Z][a-zA-Z0-9]*(?:[-_+.][a-zA-Z][a-zA-Z0-9]*)*:[0-9a-fA-F]{32,}';
  return new RegExp(`^(?:${host}/)?${part}(?:/${part})*(?::${tag})?(?:@${digest})?$`);
})();

/**
 * Engines answer what is no name with a redirection or worse.
 * @throws DriverError kind image-name
 */
export function parseReference(image: string): ImageReference {
  if (!grammar.test(image)) throw new DriverError('image-name', `invalid reference format: ${image}`);
  const [beforeDigest = '', digest] = image.split('@');
  const colon = beforeDigest.lastIndexOf(':');
  // A colon before the last slash belongs to the registry's port.
  const hasTag = colon > beforeDigest.lastIndexOf('/');
  const repository = hasTag ? beforeDigest.slice(0, colon) : beforeDigest;
  return { full: digest || hasTag ? image : `${image}:latest`, repository, ...(digest ? { digest } : {}) };
}

/** `docker.io/library/x`, `library/x` and `x` are one repository. */
export function sameRepository(one: string, other: string): boolean {
  return familiar(one) === familiar(other);
}

function familiar(repository: string): string {
  return repository.replace(/^(index\.)?docker\.io\//, '').replace(/^library\//, '');
}
