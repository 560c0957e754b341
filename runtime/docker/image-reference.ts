/** Image names as users write them. */

export interface ImageReference {
  /** In full, so that a pull brings one image: with a tag or digest. */
  readonly full: string;
  /** Without tag and digest. */
  readonly repository: string;
  /** `sha256:…`, when the name has one. */
  readonly digest?: string;
}

export function parseReference(image: string): ImageReference {
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
