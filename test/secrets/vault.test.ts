import { randomBytes } from 'node:crypto';
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadOrCreateSecretsKey, readSecretsKey } from '../../core/secrets/key.ts';
import { createVault } from '../../core/secrets/vault.ts';
import { temporaryDirectory } from '../support/temporary.ts';

describe('the key file', () => {
  it('is made once, for its owner alone, however many processes start at once', async () => {
    const folder = join(await temporaryDirectory(), 'data');
    const path = join(folder, 'secrets.key');
    const keys = await Promise.all(Array.from({ length: 20 }, async () => await loadOrCreateSecretsKey(path)));
    expect(new Set(keys.map((key) => key.toString('hex'))).size).toBe(1);
    expect(keys[0]).toHaveLength(32);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(['secrets.key']);
    expect(await loadOrCreateSecretsKey(path)).toEqual(keys[0]);
  });

  it('is never made by who only reads', async () => {
    const path = join(await temporaryDirectory(), 'secrets.key');
    await expect(readSecretsKey(path)).rejects.toThrow('There is no key file');
  });

  it('is refused when everybody can read it or it holds no key', async () => {
    const path = join(await temporaryDirectory(), 'secrets.key');
    await writeFile(path, 'short', { mode: 0o600 });
    await expect(loadOrCreateSecretsKey(path)).rejects.toThrow('does not hold a key');
    await chmod(path, 0o644);
    await expect(loadOrCreateSecretsKey(path)).rejects.toThrow('Everybody can read');
    expect(await readFile(path, 'utf8')).toBe('short');
  });
});

describe('the vault', () => {
  const key = randomBytes(32);
  const vault = createVault(async () => key);
  const value = Buffer.from('s3cret ü');

  it('opens what it sealed, each time sealed differently', async () => {
    const [one, other] = [await vault.seal(value, ['a', '1']), await vault.seal(value, ['a', '1'])];
    expect(one).not.toBe(other);
    expect(await vault.open(one, ['a', '1'])).toEqual(value);
    expect(await vault.open(await vault.seal(Buffer.alloc(0), ['a']), ['a'])).toHaveLength(0);
  });

  it.each([
    ['another name', ['b', '1']],
    ['another version', ['a', '2']],
    ['parts that only join to the same text', ['a1']],
  ])('does not open for %s', async (_what, context) => {
    await expect(vault.open(await vault.seal(value, ['a', '1']), context)).rejects.toThrow('belongs to another name');
  });

  it('does not open what was changed, cut, or sealed with another key', async () => {
    const sealed = await vault.seal(value, ['a']);
    const [form, id, data = ''] = sealed.split('.');
    const bytes = Buffer.from(data, 'base64');
    bytes[14] = (bytes[14] ?? 0) ^ 1;
    await expect(vault.open(`${form}.${id}.${bytes.toString('base64')}`, ['a'])).rejects.toThrow('was changed');
    await expect(vault.open(`${form}.${id}.${bytes.subarray(0, 20).toString('base64')}`, ['a'])).rejects.toThrow();
    const stranger = createVault(async () => randomBytes(32));
    await expect(stranger.open(sealed, ['a'])).rejects.toThrow('another key');
  });
});
