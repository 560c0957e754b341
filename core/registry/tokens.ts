/**
 * Passwords of registry clients, which nothing stores: each holds, sealed, whom it is for, what it is for and when it
 * ends. Every process that has the installation's key can issue and check them.
 */
import { hkdfSync } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Scope } from '../scope.ts';
import { createVault, VaultError } from '../secrets/vault.ts';
import type { Millis } from '../task.ts';
import type { Digest } from './digest.ts';

/** Who speaks to the registry. */
export interface RegistryPrincipal extends Scope {
  /** For example `arn:aws:iam::000000000000:root`. */
  readonly arn: string;
  /** Absent: whatever the principal may. */
  readonly only?: {
    /** `account/region/name` of the one repository. */
    readonly repository: string;
    readonly actions: readonly ('pull' | 'push')[];
    /** Nothing else of the repository. */
    readonly blob?: Digest;
  };
}

export interface OpenedToken extends RegistryPrincipal {
  readonly expiresAt: Millis;
}

export interface TokenIssuer {
  /**
   * @param lifetime seconds
   * @returns for the user name `AWS`
   */
  issue(
    principal: RegistryPrincipal,
    lifetime: number,
  ): Promise<{ readonly password: string; readonly expiresAt: Millis }>;
  /** undefined: not issued with this key. It may be past its end. */
  open(password: string): Promise<OpenedToken | undefined>;
}

const context = ['registry'];

/** @param readKey the installation's key (core/secrets/key.ts) */
export function createTokenIssuer(readKey: () => Promise<Buffer>, clock: Clock): TokenIssuer {
  const vault = createVault(async () =>
    Buffer.from(hkdfSync('sha256', await readKey(), '', 'longshore registry token', 32)),
  );
  return {
    async issue(principal, lifetime) {
      const expiresAt = clock() + lifetime * 1000;
      const content = Buffer.from(JSON.stringify({ ...principal, expiresAt }));
      return { password: await vault.seal(content, context), expiresAt };
    },

    async open(password) {
      try {
        return JSON.parse((await vault.open(password, context)).toString('utf8')) as OpenedToken;
      } catch (error) {
        if (error instanceof VaultError) return undefined;
        throw error;
      }
    },
  };
}
