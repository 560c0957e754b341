/**
 * Temporary credentials that nothing stores: the session token holds, sealed, whom they are for and when they end, and
 * the secret key follows from the access key id. Every process that has the installation's key can issue and check them.
 */
import { createHmac, hkdfSync, randomInt } from 'node:crypto';
import type { Clock } from './clock.ts';
import { createVault, VaultError } from './secrets/vault.ts';

/** Whom temporary credentials are for. */
export interface Session {
  /** Twelve digits. */
  readonly accountId: string;
  /** For example `arn:aws:sts::000000000000:assumed-role/web/0123456789abcdef`. */
  readonly arn: string;
}

export interface SessionCredentials {
  /** `ASIA` and sixteen of A-Z and 2-7. */
  readonly accessKeyId: string;
  /** Forty characters. */
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

export interface OpenedSession extends Session {
  readonly secretAccessKey: string;
  /** Milliseconds since the epoch; may be past. */
  readonly expiresAt: number;
}

export interface SessionIssuer {
  /** @param lifetime seconds */
  issue(session: Session, lifetime: number): Promise<SessionCredentials>;
  /** undefined: the token was not issued with this key, or not for this access key id. */
  open(accessKeyId: string, sessionToken: string): Promise<OpenedSession | undefined>;
}

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** True for the ids of temporary credentials, ours and AWS's. */
export function isTemporary(accessKeyId: string): boolean {
  return accessKeyId.startsWith('ASIA');
}

/** @param readKey the installation's key (core/secrets/key.ts); asked once it is needed, again until it has answered */
export function createSessionIssuer(readKey: () => Promise<Buffer>, clock: Clock): SessionIssuer {
  const derive = async (purpose: string) =>
    Buffer.from(hkdfSync('sha256', await readKey(), '', `longshore session ${purpose}`, 32));
  const vault = createVault(async () => await derive('token'));
  const secretOf = async (accessKeyId: string) =>
    createHmac('sha256', await derive('secret'))
      .update(accessKeyId)
      .digest('base64')
      .slice(0, 40);
  const context = (accessKeyId: string) => ['session', accessKeyId];

  return {
    async issue({ accountId, arn }, lifetime) {
      const accessKeyId = `ASIA${Array.from({ length: 16 }, () => letters.charAt(randomInt(letters.length))).join('')}`;
      const expiresAt = clock() + lifetime * 1000;
      const content = Buffer.from(JSON.stringify({ accountId, arn, expiresAt }));
      return {
        accessKeyId,
        secretAccessKey: await secretOf(accessKeyId),
        sessionToken: await vault.seal(content, context(accessKeyId)),
        expiresAt,
      };
    },

    async open(accessKeyId, sessionToken) {
      try {
        const content = await vault.open(sessionToken, context(accessKeyId));
        const session = JSON.parse(content.toString('utf8')) as Session & { readonly expiresAt: number };
        return { ...session, secretAccessKey: await secretOf(accessKeyId) };
      } catch (error) {
        if (error instanceof VaultError) return undefined;
        throw error;
      }
    },
  };
}
