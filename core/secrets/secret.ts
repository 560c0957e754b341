/** Secrets of Secrets Manager: their versions, the stages that move between these, and the forms in which they are named. */
import type { Tag } from '@aws-sdk/client-secrets-manager';
import { partitionOf } from '../arn.ts';
import type { Scope } from '../scope.ts';
import type { Millis } from '../task.ts';

export interface SecretVersion {
  readonly createdAt: Millis;
  /** None: deprecated, and forgotten when there are many. */
  readonly stages: readonly string[];
  readonly kind: 'string' | 'binary';
  /** Start of the day (UTC) of the last read. */
  readonly accessedAt?: Millis;
}

export interface Secret {
  readonly name: string;
  /** The six random characters that end its ARN. */
  readonly suffix: string;
  readonly description?: string;
  readonly tags: readonly Tag[];
  readonly createdAt: Millis;
  readonly changedAt: Millis;
  /** Start of the day (UTC) of the last read. */
  readonly accessedAt?: Millis;
  readonly deletion?: {
    readonly requestedAt: Millis;
    /** When the secret is forgotten. */
    readonly at: Millis;
  };
  /** By version id. */
  readonly versions: Readonly<Record<string, SecretVersion>>;
}

export const current = 'AWSCURRENT';
export const previous = 'AWSPREVIOUS';

/** Versions without a stage are forgotten when a secret has more than these. */
const mostVersions = 100;

export function secretArn(scope: Scope, { name, suffix }: Pick<Secret, 'name' | 'suffix'>): string {
  return `arn:${partitionOf(scope.region)}:secretsmanager:${scope.region}:${scope.accountId}:secret:${name}-${suffix}`;
}

export interface SecretIdentifier {
  /** Given: it is an ARN of this world. */
  readonly scope?: Scope;
  /** What it can mean, likeliest first; with `suffix` the secret must have that one. */
  readonly candidates: readonly { readonly name: string; readonly suffix?: string }[];
}

const arnForm = /^arn:[^:]+:secretsmanager:([^:]+):(\d{12}):secret:(.+)$/;

/** Reads a name, an ARN, and an ARN without its last six characters. */
export function parseSecretId(text: string): SecretIdentifier {
  const [, region, accountId, rest] = arnForm.exec(text) ?? [];
  if (region === undefined || accountId === undefined || rest === undefined) return { candidates: [{ name: text }] };
  const [, name, suffix] = /^(.+)-([A-Za-z0-9]{6})$/.exec(rest) ?? [];
  const full = name === undefined || suffix === undefined ? [] : [{ name, suffix }];
  return { scope: { region, accountId }, candidates: [...full, { name: rest }] };
}

/** Id of the version that has a stage. */
export function versionWithStage({ versions }: Secret, stage: string): string | undefined {
  return Object.keys(versions).find((id) => versions[id]?.stages.includes(stage));
}

export function versionOf({ versions }: Secret, id: string): SecretVersion | undefined {
  return Object.hasOwn(versions, id) ? versions[id] : undefined;
}

/** A secret with one more version; its stages are taken from those that have them. */
export function withVersion(
  secret: Secret,
  id: string,
  { stages, ...version }: Pick<SecretVersion, 'createdAt' | 'kind' | 'stages'>,
): { readonly secret: Secret; readonly forgotten: readonly string[] } {
  const added = { ...secret, versions: { ...secret.versions, [id]: { ...version, stages: [] } } };
  return withoutOldVersions(stages.reduce((staged, stage) => withStage(staged, stage, id), added));
}

/** Moves a stage; where AWSCURRENT was, AWSPREVIOUS goes. `to` undefined: takes it away. */
export function withStage(secret: Secret, stage: string, to: string | undefined): Secret {
  const from = versionWithStage(secret, stage);
  if (from === to) return secret;
  const moved = mapVersions(secret, (id, version) => {
    const stages = version.stages.filter((other) => other !== stage);
    return { ...version, stages: id === to ? [...stages, stage] : stages };
  });
  return stage === current && from !== undefined && to !== undefined ? withStage(moved, previous, from) : moved;
}

function mapVersions(secret: Secret, change: (id: string, version: SecretVersion) => SecretVersion): Secret {
  const entries = Object.entries(secret.versions).map(([id, version]) => [id, change(id, version)]);
  return { ...secret, versions: Object.fromEntries(entries) };
}

function withoutOldVersions(secret: Secret): { readonly secret: Secret; readonly forgotten: readonly string[] } {
  const entries = Object.entries(secret.versions);
  const deprecated = entries
    .filter(([, { stages }]) => stages.length === 0)
    .sort(([, one], [, other]) => one.createdAt - other.createdAt);
  const forgotten = deprecated.slice(0, Math.max(0, entries.length - mostVersions)).map(([id]) => id);
  const versions = Object.fromEntries(entries.filter(([id]) => !forgotten.includes(id)));
  return { secret: { ...secret, versions }, forgotten };
}
