/** Names and labels: how this installation's things are told from everything else in the engine. */

export interface Names {
  readonly owner: string;
  readonly network: string;
  readonly pauseImage: (hash: string) => { readonly repository: string; readonly tag: string };
  readonly sandbox: (sandboxId: string) => string;
  readonly container: (sandboxId: string, name: string) => string;
  /** Name of a sandbox that nobody took yet. No sandbox id starts with `_`, so that the two cannot be mixed up. */
  readonly pooled: (random: string) => string;
  /** What a name of `sandbox` or `pooled` was made from. */
  readonly parse: (containerName: string) => { readonly pooled: boolean; readonly sandboxId: string };
}

/** Value: the owner. On everything that is ours. */
export const OWNER = 'longshore';
/** `sandbox` on pause containers, `container` on the caller's. */
export const ROLE = 'longshore.role';
/** Absent from a sandbox of the pool: its name tells who took it, because labels never change. */
export const SANDBOX = 'longshore.sandbox';
export const CONTAINER = 'longshore.container';
/** On pause containers: the address, noted before the sandbox has it, so that no other gets it. */
export const ADDRESS = 'longshore.address';
/** The SandboxRecord as JSON. */
export const RECORD = 'longshore.record';

const validId = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

export function namesOf(owner: string): Names {
  if (!validId.test(owner) || owner.length > 60)
    throw new TypeError(
      `owner must be at most 60 characters of [A-Za-z0-9_.-] and start with a letter or digit: "${owner}"`,
    );
  const prefix = `longshore-${owner}-`;
  return {
    owner,
    network: `longshore-${owner}`,
    pauseImage: (hash) => ({ repository: 'longshore-pause', tag: `${owner}-${hash}` }),
    sandbox: (sandboxId) => `${prefix}${sandboxId}`,
    container: (sandboxId, name) => `${prefix}${sandboxId}-${name}`,
    pooled: (random) => `${prefix}_pool.${random}`,
    parse: (containerName) => {
      const rest = containerName.replace(/^\//, '').slice(prefix.length);
      return { pooled: rest.startsWith('_pool.'), sandboxId: rest };
    },
  };
}

/** A container's name within its sandbox: anything that engines take behind the prefix of ours. */
export function isValidContainerName(name: string): boolean {
  return /^[A-Za-z0-9_.-]{1,255}$/.test(name);
}

export function isValidId(id: string): boolean {
  return validId.test(id) && id.length <= 128;
}

/** The caller's own labels. */
export function withoutOurs(labels: Readonly<Record<string, string>> | undefined): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(labels ?? {}).filter(([key]) => key !== OWNER && !key.startsWith(`${OWNER}.`)),
  );
}
