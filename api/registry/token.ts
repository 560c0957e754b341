/** The token endpoint, for clients that log in by Bearer tokens: a password for a password. */
import type { IncomingMessage } from 'node:http';
import { basicPassword } from './authenticate.ts';
import { readWhole } from './body.ts';
import { RegistryError } from './errors.ts';
import type { Answer, SiteDeps } from './exchange.ts';

/** Bytes of a form. */
const longestForm = 64 * 2 ** 10;

/** GET with Basic credentials, or OAuth 2's POST of a form. */
export async function answerToken({ tokens, clock }: SiteDeps, incoming: IncomingMessage): Promise<Answer> {
  const password = incoming.method === 'POST' ? await formPassword(incoming) : headerPassword(incoming);
  const opened = password === undefined ? undefined : await tokens.open(password);
  if (!opened || opened.expiresAt <= clock()) throw new RegistryError('UNAUTHORIZED', 'Not Authorized');
  const seconds = Math.floor((opened.expiresAt - clock()) / 1000);
  const body = JSON.stringify({
    token: password,
    access_token: password,
    expires_in: seconds,
    issued_at: new Date(clock()).toISOString(),
  });
  return {
    status: 200,
    headers: {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
    },
    body,
  };
}

function headerPassword(incoming: IncomingMessage): string | undefined {
  const [scheme = '', credentials = ''] = (incoming.headers.authorization ?? '').split(/\s+/, 2);
  return scheme.toLowerCase() === 'basic' ? basicPassword(credentials) : undefined;
}

async function formPassword(incoming: IncomingMessage): Promise<string | undefined> {
  const form = new URLSearchParams((await readWhole(incoming, longestForm, 'UNSUPPORTED')).toString('utf8'));
  if (form.get('grant_type') === 'refresh_token') return form.get('refresh_token') ?? undefined;
  return form.get('username') === 'AWS' ? (form.get('password') ?? undefined) : undefined;
}
