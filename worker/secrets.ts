/** A task's secrets: every `valueFrom` of its containers, each fetched once. */
import type { ContainerDefinition } from '@aws-sdk/client-ecs';
import type { Scope } from '../core/scope.ts';
import { ResourceError } from './resource-error.ts';
import { refuseOtherAccount } from './secrets-own.ts';
import { parseSecretReference, type SecretReference } from './secrets-reference.ts';
import { type ParameterSource, type SecretValueSource, SourceError } from './secrets-source.ts';

export interface SecretSources {
  readonly ssm: ParameterSource;
  readonly secretsManager: SecretValueSource;
  /** True where a source knows one account's secrets from another's. */
  readonly separateAccounts: { readonly ssm: boolean; readonly secretsManager: boolean };
}

/** `valueFrom` -> value. */
export type SecretValues = ReadonlyMap<string, string>;

/** Names that GetParameters takes at once. */
const batch = 10;

const failed = 'unable to pull secrets or registry auth: execution resource retrieval failed:';

/** Every `valueFrom` of a container: its secrets, and those of its log driver. */
export function secretsOf({ secrets = [], logConfiguration }: ContainerDefinition): readonly string[] {
  return [...secrets, ...(logConfiguration?.secretOptions ?? [])].map(({ valueFrom = '' }) => valueFrom);
}

/** @throws ResourceError in Fargate's words, without any value */
export async function fetchSecrets(
  sources: SecretSources,
  scope: Scope,
  wanted: readonly string[],
  signal: AbortSignal,
): Promise<SecretValues> {
  const references = [...new Set(wanted)].map((valueFrom) => ({ valueFrom, reference: referenceOf(valueFrom, scope) }));
  const parameters = references.flatMap(({ valueFrom, reference }) =>
    reference.service === 'ssm' ? [{ valueFrom, reference }] : [],
  );
  const secrets = references.flatMap(({ valueFrom, reference }) =>
    reference.service === 'secretsmanager' ? [{ valueFrom, reference }] : [],
  );
  const fetchOnce = remembered(async (reference: SecretOf<'secretsmanager'>) =>
    secretText(sources, scope, reference, signal),
  );
  const values = await Promise.all([
    ...groups(parameters).map(async (group) => await fetchParameters(sources, scope, group, signal)),
    ...secrets.map(async ({ valueFrom, reference }): Promise<[string, string][]> => {
      const text = await fetchOnce(reference);
      return [
        [valueFrom, reference.jsonKey === undefined ? text : memberOf(text, reference.jsonKey, reference.secretId)],
      ];
    }),
  ]);
  return new Map(values.flat());
}

type SecretOf<Service> = Extract<SecretReference, { readonly service: Service }>;

function referenceOf(valueFrom: string, scope: Scope): SecretReference {
  const reference = parseSecretReference(valueFrom, scope);
  if (reference === undefined)
    throw new ResourceError(
      `${failed} invalid ARN format: ${valueFrom} is the ARN of neither a parameter nor a secret`,
    );
  return reference;
}

interface WantedParameter {
  readonly valueFrom: string;
  readonly reference: SecretOf<'ssm'>;
}

async function fetchParameters(
  sources: SecretSources,
  scope: Scope,
  group: readonly WantedParameter[],
  signal: AbortSignal,
): Promise<[string, string][]> {
  const names = group.map(({ reference }) => reference.name);
  const found = await told('unable to retrieve secrets from ssm: ', '', async () => {
    const owner = group[0]?.reference.scope ?? scope;
    if (sources.separateAccounts.ssm) refuseOtherAccount(scope, owner, 'ssm:GetParameters', names.join(', '));
    return await sources.ssm.parameters(owner, names, signal);
  });
  const missing = names.filter((name) => !found.has(name));
  if (missing.length > 0)
    throw new ResourceError(
      `${failed} unable to retrieve secrets from ssm: invalid ssm parameters: ${missing.join(', ')}`,
    );
  return group.map(({ valueFrom, reference }) => [valueFrom, found.get(reference.name) ?? '']);
}

/** Those of one account and region that are asked for together. */
function groups(wanted: readonly WantedParameter[]): readonly (readonly WantedParameter[])[] {
  const byScope = new Map<string, WantedParameter[]>();
  for (const one of wanted) {
    const { accountId, region } = one.reference.scope;
    const key = `${accountId}:${region}`;
    byScope.set(key, [...(byScope.get(key) ?? []), one]);
  }
  return [...byScope.values()].flatMap((all) =>
    Array.from({ length: Math.ceil(all.length / batch) }, (_, index) => all.slice(index * batch, (index + 1) * batch)),
  );
}

/** The whole text of a secret; also what registry credentials are read from. */
export async function secretText(
  sources: SecretSources,
  scope: Scope,
  { scope: owner, secretId, versionId, versionStage }: Omit<SecretOf<'secretsmanager'>, 'service' | 'jsonKey'>,
  signal: AbortSignal,
): Promise<string> {
  const fetching = `failed to fetch secret ${secretId} from secrets manager: `;
  const text = await told('unable to retrieve secret from asm: ', fetching, async () => {
    if (sources.separateAccounts.secretsManager)
      refuseOtherAccount(scope, owner, 'secretsmanager:GetSecretValue', secretId);
    const wanted = { secretId, ...(versionId && { versionId }), ...(versionStage && { versionStage }) };
    return await sources.secretsManager.secret(owner, wanted, signal);
  });
  if (text === undefined)
    throw new ResourceError(
      `${failed} unable to retrieve secret from asm: the secret ${secretId} is binary, and only strings can be given to containers`,
    );
  return text;
}

/** Numbers, truth values and structures of the JSON become their JSON text. */
function memberOf(text: string, key: string, secretId: string): string {
  const content = jsonObject(text);
  if (content === undefined)
    throw new ResourceError(
      // Never the parser's own words: they quote the secret.
      `${failed} unable to retrieve secret from asm: the secret ${secretId} is not a JSON object, but its key ${key} is asked for`,
    );
  const value = Object.hasOwn(content, key) ? content[key] : undefined;
  if (value === undefined || value === null)
    throw new ResourceError(
      `${failed} unable to retrieve secret from asm: retrieved secret from Secrets Manager did not contain json key ${key}`,
    );
  return typeof value === 'string' ? value : JSON.stringify(value);
}

export function jsonObject(text: string): Readonly<Record<string, unknown>> | undefined {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  return typeof content === 'object' && content !== null && !Array.isArray(content)
    ? (content as Readonly<Record<string, unknown>>)
    : undefined;
}

async function told<T>(what: string, then: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    throw new ResourceError(
      `${failed} ${what}service call has been retried ${error.retries} time(s): ${then}${error.message}`,
    );
  }
}

/** Two containers that want two keys of one secret cost one call. */
function remembered(
  fetch: (reference: SecretOf<'secretsmanager'>) => Promise<string>,
): (reference: SecretOf<'secretsmanager'>) => Promise<string> {
  const known = new Map<string, Promise<string>>();
  return async (reference) => {
    const key = JSON.stringify([reference.secretId, reference.versionStage, reference.versionId]);
    const pending = known.get(key) ?? fetch(reference);
    known.set(key, pending);
    return await pending;
  };
}
