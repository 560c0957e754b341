/** Parameters of SSM Parameter Store, and the forms in which they are named. */
import type { Tag } from '@aws-sdk/client-ssm';
import { partitionOf } from '../arn.ts';
import type { Scope } from '../scope.ts';
import type { Millis } from '../task.ts';

export type ParameterType = 'String' | 'StringList' | 'SecureString';
export type ParameterTier = 'Standard' | 'Advanced';

/** What is told of a version beside its value. */
export interface ParameterVersion {
  readonly version: number;
  readonly type: ParameterType;
  readonly tier: ParameterTier;
  readonly dataType: string;
  readonly description?: string;
  readonly allowedPattern?: string;
  /** SecureString only. */
  readonly keyId?: string;
  readonly modifiedAt: Millis;
  /** ARN of who wrote it. */
  readonly modifiedBy: string;
}

export interface Parameter {
  readonly name: string;
  readonly current: ParameterVersion;
  /** Number of the oldest version that is kept; all from here to the current one are. */
  readonly oldest: number;
  /** Label -> number of the version that has it. */
  readonly labels: Readonly<Record<string, number>>;
  readonly tags: readonly Tag[];
}

export function parameterArn(scope: Scope, name: string): string {
  const path = name.startsWith('/') ? name : `/${name}`;
  return `arn:${partitionOf(scope.region)}:ssm:${scope.region}:${scope.accountId}:parameter${path}`;
}

export interface ParameterSelector {
  /** As given, before the selector: a name or an ARN. */
  readonly identifier: string;
  /** With its colon, for example `:3` or `:prod`; absent: the current version. */
  readonly selector?: string;
  /** Given: the identifier is an ARN of this world. */
  readonly scope?: Scope;
  /** Names that the identifier can mean: an ARN does not tell `/name` from `name`. */
  readonly names: readonly string[];
}

const arnForm = /^arn:[^:]+:ssm:([^:]+):(\d{12}):parameter(\/[^:]*)(:[^:]*)?$/;

/** Reads `name`, `name:version`, `name:label` and the same with an ARN. */
export function parseParameterSelector(text: string): ParameterSelector {
  const [, region, accountId, path, arnSelector] = arnForm.exec(text) ?? [];
  if (region !== undefined && accountId !== undefined && path !== undefined)
    return {
      identifier: arnSelector === undefined ? text : text.slice(0, -arnSelector.length),
      ...(arnSelector !== undefined && { selector: arnSelector }),
      scope: { region, accountId },
      // A name with a slash in it begins with one.
      names: path.indexOf('/', 1) > 0 ? [path] : [path, path.slice(1)],
    };
  const colon = text.indexOf(':');
  const identifier = colon < 0 ? text : text.slice(0, colon);
  return { identifier, names: [identifier], ...(colon >= 0 && { selector: text.slice(colon) }) };
}

/** Number of the version that a selector means; undefined: none. */
export function selectedVersion({ current, labels }: Parameter, selector: string | undefined): number | undefined {
  if (selector === undefined) return current.version;
  const text = selector.slice(1);
  return /^\d+$/.test(text) ? Number(text) : ownValue(labels, text);
}

function ownValue<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
