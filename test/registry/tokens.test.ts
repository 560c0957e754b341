/** Registry passwords that are not good: of another installation, changed, past their end, of no form at all. */
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { authenticate } from '../../api/registry/authenticate.ts';
import { createTokenIssuer } from '../../core/registry/tokens.ts';

const principal = { accountId: '000000000000', region: 'us-east-1', arn: 'arn:aws:iam::000000000000:root' };
const key = randomBytes(32);
let now = 1_000_000;
const tokens = createTokenIssuer(
  async () => key,
  () => now,
);
const basic = (password: string) => `Basic ${Buffer.from(`AWS:${password}`).toString('base64')}`;
const enter = async (header: string | undefined) =>
  await authenticate(header, { tokens, clock: () => now }, 'http://127.0.0.1:4566');

test('a password lets in as Basic and Bearer until its end', async () => {
  const { password } = await tokens.issue(principal, 60);
  for (const header of [basic(password), `Bearer ${password}`, `bearer ${basic(password).slice(6)}`])
    expect(await enter(header)).toMatchObject(principal);
  now += 60_000;
  await expect(enter(basic(password))).rejects.toMatchObject({
    code: 'UNAUTHORIZED',
    message: 'Your authorization token has expired. Reauthenticate and try again.',
  });
});

test('no other does', async () => {
  const { password } = await tokens.issue(principal, 60);
  const elsewhere = createTokenIssuer(
    async () => randomBytes(32),
    () => now,
  );
  const bytes = [...password];
  const changed = bytes.map((letter, at) => (at === bytes.length - 20 ? (letter === 'A' ? 'B' : 'A') : letter));
  const wrong = [
    (await elsewhere.issue(principal, 60)).password,
    changed.join(''),
    password.slice(0, -30),
    '',
    '..',
    'v1.',
  ];
  for (const header of [...wrong.map(basic), ...wrong.map((text) => `Bearer ${text}`), 'Digest x', undefined])
    await expect(enter(header), String(header)).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
  const otherUser = `Basic ${Buffer.from(`root:${password}`).toString('base64')}`;
  await expect(enter(otherUser)).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
});
