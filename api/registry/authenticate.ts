/**
 * Who speaks to the registry. Clients log in as `AWS` with the password of GetAuthorizationToken (Basic), or send it, or
 * what they have for it from the token endpoint, as a Bearer token.
 */
import type { Clock } from '../../core/clock.ts';
import type { RegistryPrincipal, TokenIssuer } from '../../core/registry/tokens.ts';
import { RegistryError } from './errors.ts';

/**
 * @param header of Authorization
 * @param origin where the client found the registry, for example `http://127.0.0.1:4566`
 * @throws RegistryError
 */
export async function authenticate(
  header: string | undefined,
  { tokens, clock }: { readonly tokens: TokenIssuer; readonly clock: Clock },
  origin: string,
): Promise<RegistryPrincipal> {
  const [scheme = '', credentials = ''] = (header ?? '').trim().split(/\s+/, 2);
  const password = passwordIn(scheme.toLowerCase(), credentials);
  const opened = password === undefined ? undefined : await tokens.open(password);
  if (!opened) throw unauthorized('Not Authorized', challenge(scheme, origin));
  if (opened.expiresAt <= clock())
    throw unauthorized(
      'Your authorization token has expired. Reauthenticate and try again.',
      challenge(scheme, origin),
    );
  return opened;
}

function passwordIn(scheme: string, credentials: string): string | undefined {
  if (scheme === 'basic') return basicPassword(credentials);
  if (scheme !== 'bearer') return undefined;
  // Some clients send the authorization token as it is.
  return basicPassword(credentials) ?? credentials;
}

/** Password of the user `AWS`. */
export function basicPassword(credentials: string): string | undefined {
  const text = Buffer.from(credentials, 'base64').toString('utf8');
  return text.startsWith('AWS:') ? text.slice('AWS:'.length) : undefined;
}

/** In the words that the client speaks; Basic, as ECR's, when it has said nothing yet. */
function challenge(scheme: string, origin: string): string {
  return scheme.toLowerCase() === 'bearer'
    ? `Bearer realm="${origin}/v2/token",service="ecr.amazonaws.com"`
    : `Basic realm="${origin}/",service="ecr.amazonaws.com"`;
}

function unauthorized(message: string, words: string): RegistryError {
  return new RegistryError('UNAUTHORIZED', message, { headers: { 'www-authenticate': words } });
}
