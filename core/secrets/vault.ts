/**
 * Seals values for storage: AES-256-GCM. The context (what the value is called, which version it is) is authenticated
 * with it, so that a sealed value opens only under the name that it was sealed for.
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';

export interface Vault {
  /** @returns ASCII text */
  seal(value: Uint8Array, context: readonly string[]): Promise<string>;
  /** @throws VaultError when the text was sealed with another key, for another context, or changed since */
  open(sealed: string, context: readonly string[]): Promise<Buffer>;
}

export class VaultError extends Error {
  override readonly name = 'VaultError';
}

const cipher = 'aes-256-gcm';
const form = 'v1';
const nonceBytes = 12;
const tagBytes = 16;

/** @param readKey is asked once it is needed, and again until it has answered */
export function createVault(readKey: () => Promise<Buffer>): Vault {
  let known: Promise<Key> | undefined;
  const key = () => {
    known ??= readKey().then(
      (bytes) => ({ bytes, id: idOf(bytes) }),
      (error: unknown) => {
        known = undefined;
        throw error;
      },
    );
    return known;
  };

  return {
    async seal(value, context) {
      const { bytes, id } = await key();
      const nonce = randomBytes(nonceBytes);
      const encryption = createCipheriv(cipher, bytes, nonce).setAAD(contextBytes(context));
      const sealed = Buffer.concat([nonce, encryption.update(value), encryption.final(), encryption.getAuthTag()]);
      return `${form}.${id}.${sealed.toString('base64')}`;
    },

    async open(text, context) {
      const { bytes, id } = await key();
      const [version, keyId, data = ''] = text.split('.');
      if (version !== form) throw new VaultError(`A stored secret has an unknown form.`);
      if (keyId !== id)
        throw new VaultError(
          'A secret was encrypted with another key than this process has: give all processes the same key file (LONGSHORE_SECRETS_KEY).',
        );
      const sealed = Buffer.from(data, 'base64');
      try {
        const decryption = createDecipheriv(cipher, bytes, sealed.subarray(0, nonceBytes), { authTagLength: tagBytes })
          .setAAD(contextBytes(context))
          .setAuthTag(sealed.subarray(-tagBytes));
        return Buffer.concat([decryption.update(sealed.subarray(nonceBytes, -tagBytes)), decryption.final()]);
      } catch (error) {
        throw new VaultError('A stored secret was changed, or belongs to another name.', { cause: error });
      }
    },
  };
}

interface Key {
  readonly bytes: Buffer;
  /** Tells keys apart and tells nothing about them. */
  readonly id: string;
}

function idOf(key: Buffer): string {
  return createHmac('sha256', key).update('longshore secrets key id').digest('hex').slice(0, 16);
}

/** JSON keeps ['a', 'b:c'] and ['a:b', 'c'] apart. */
function contextBytes(context: readonly string[]): Buffer {
  return Buffer.from(JSON.stringify(context));
}
