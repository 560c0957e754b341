/** Finding a secret by whatever names it: the same for the API and for workers. */
import type { Scope } from '../scope.ts';
import type { SecretStore } from '../store/secret-store.ts';
import type { Millis } from '../task.ts';
import { current, parseSecretId, type Secret, type SecretVersion, versionOf, versionWithStage } from './secret.ts';

const day = 24 * 3600 * 1000;

/** Secrets that are marked for deletion are found until their time has come. */
export async function lookUpSecret(
  store: SecretStore,
  scope: Scope,
  text: string,
  now: Millis,
): Promise<Secret | undefined> {
  const { scope: named, candidates } = parseSecretId(text);
  if (named !== undefined && (named.accountId !== scope.accountId || named.region !== scope.region)) return undefined;
  for (const { name, suffix } of candidates) {
    const secret = await store.get(scope, name);
    if (secret && !isGone(secret, now) && (suffix === undefined || suffix === secret.suffix)) return secret;
  }
  return undefined;
}

export function isGone({ deletion }: Secret, now: Millis): boolean {
  return deletion !== undefined && deletion.at <= now;
}

export type SecretValueLookup =
  | {
      readonly outcome: 'found';
      readonly secret: Secret;
      readonly id: string;
      readonly version: SecretVersion;
      readonly value: Buffer;
    }
  | { readonly outcome: 'no-secret' | 'deleted' | 'stage-mismatch' }
  | { readonly outcome: 'no-version'; readonly wanted: string };

/** One version's value, AWSCURRENT's unless asked otherwise; notes the day of the read. */
export async function lookUpSecretValue(
  store: SecretStore,
  scope: Scope,
  wanted: { readonly secretId: string; readonly versionId?: string; readonly versionStage?: string },
  now: Millis,
): Promise<SecretValueLookup> {
  const { versionId, versionStage } = wanted;
  for (;;) {
    const secret = await lookUpSecret(store, scope, wanted.secretId, now);
    if (!secret) return { outcome: 'no-secret' };
    if (secret.deletion) return { outcome: 'deleted' };
    const stage = versionStage ?? current;
    const id = versionId ?? versionWithStage(secret, stage);
    const version = id === undefined ? undefined : versionOf(secret, id);
    if (id === undefined || version === undefined)
      return {
        outcome: 'no-version',
        wanted: versionId === undefined ? `staging label: ${stage}` : `VersionId: ${versionId}`,
      };
    if (versionId !== undefined && versionStage !== undefined && !version.stages.includes(versionStage))
      return { outcome: 'stage-mismatch' };
    const value = await store.value(scope, secret, id);
    if (value === undefined) continue; // Forgotten meanwhile: look again.
    await noteRead(store, scope, secret, id, now);
    return { outcome: 'found', secret, id, version, value };
  }
}

async function noteRead(store: SecretStore, scope: Scope, secret: Secret, id: string, now: Millis): Promise<void> {
  const accessedAt = now - (now % day);
  if (secret.accessedAt === accessedAt && secret.versions[id]?.accessedAt === accessedAt) return;
  await store.write(scope, secret.name, (newest) => {
    const version = newest && versionOf(newest, id);
    if (!newest || !version || newest.suffix !== secret.suffix) return undefined;
    const versions = { ...newest.versions, [id]: { ...version, accessedAt } };
    return { secret: { ...newest, accessedAt, versions } };
  });
}
