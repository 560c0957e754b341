/** PutParameter: a new parameter, or a new version of one. */
import { runInNewContext } from 'node:vm';
import {
  HierarchyTypeMismatchException,
  InvalidAllowedPatternException,
  InvalidKeyId,
  InvalidPolicyTypeException,
  ParameterAlreadyExists,
  ParameterMaxVersionLimitExceeded,
  ParameterPatternMismatchException,
  type PutParameterRequest,
  type PutParameterResult,
} from '@aws-sdk/client-ssm';
import type { Parameter, ParameterTier, ParameterType, ParameterVersion } from '../../core/secrets/parameter.ts';
import type { ParameterChange } from '../../core/store/parameter-store.ts';
import type { RequestContext } from '../operation.ts';
import type { SsmDeps } from './deps.ts';
import { invalid } from './errors.ts';
import { refuseBadName } from './names.ts';
import { limitedTags, validTags } from './tag.ts';

const defaultKey = 'alias/aws/ssm';
/** Bytes of a value. */
const longestValue: Readonly<Record<ParameterTier, number>> = { Standard: 4096, Advanced: 8192 };
const mostVersions = 100;
/** Milliseconds that an allowed pattern is tried for: some patterns would take for ever. */
const patternPatience = 200;

export async function putParameter(
  { parameters, clock }: SsmDeps,
  input: PutParameterRequest,
  { caller }: RequestContext,
): Promise<PutParameterResult> {
  const { Name: name = '' } = input;
  refuseBadName(caller, name);
  refuseUnusable(input);
  const tags = limitedTags(validTags(input.Tags));
  const written = await parameters.write(caller, name, (found): ParameterChange => {
    if (found && !input.Overwrite)
      throw new ParameterAlreadyExists({
        message:
          'The parameter already exists. To overwrite this value, set the overwrite option in the request to true.',
        $metadata: {},
      });
    const current = nextVersion(input, found?.current, { modifiedAt: clock(), modifiedBy: caller.arn });
    const forget = found && versionToForget(found);
    return {
      parameter: {
        name,
        current,
        oldest: forget === undefined ? (found?.oldest ?? 1) : forget + 1,
        labels: found?.labels ?? {},
        tags: found?.tags ?? tags,
      },
      value: input.Value ?? '',
      ...(forget !== undefined && { forget }),
    };
  });
  return { Version: written?.current.version, Tier: written?.current.tier };
}

/** What is wrong whether the parameter exists or not. */
function refuseUnusable({
  Value = '',
  Overwrite,
  Tags,
  DataType = 'text',
  Policies,
  KeyId,
  Type,
}: PutParameterRequest) {
  if (Value === '')
    throw invalid(
      "1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1.",
    );
  if (/\{\{.*\}\}/.test(Value))
    throw invalid('Parameter value can\'t nest another parameter. Do not use "{{}}" in the value.');
  if (Overwrite && Tags?.length)
    throw invalid(
      "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.",
    );
  if (DataType !== 'text') {
    const known = ['aws:ec2:image', 'aws:ssm:integration'].includes(DataType);
    throw invalid(
      known
        ? `Longshore does not implement the data type ${DataType} yet.`
        : `The following data type is not supported: ${DataType} (Data type names are all lowercase.)`,
    );
  }
  // What is sent to take policies away asks for nothing.
  if (Policies !== undefined && !/^\s*\[\s*(\{\s*\})?\s*\]\s*$/.test(Policies))
    throw new InvalidPolicyTypeException({
      message: 'Longshore does not implement parameter policies yet.',
      $metadata: {},
    });
  if (KeyId !== undefined && KeyId !== defaultKey)
    throw new InvalidKeyId({
      message: `The key ${KeyId} does not exist: Longshore encrypts every parameter with the installation's own key, ${defaultKey}.`,
      $metadata: {},
    });
  if (KeyId !== undefined && Type !== undefined && Type !== 'SecureString')
    throw invalid('KeyId is required for SecureString type parameter only.');
}

function nextVersion(
  input: PutParameterRequest,
  before: ParameterVersion | undefined,
  written: Pick<ParameterVersion, 'modifiedAt' | 'modifiedBy'>,
): ParameterVersion {
  const type = input.Type ?? before?.type;
  if (type === undefined) throw invalid('A parameter type is required when you create a parameter.');
  if (before !== undefined && type !== before.type)
    throw new HierarchyTypeMismatchException({
      message:
        "Parameter Store doesn't support changing a parameter type in a hierarchy. For example, you can't change a parameter from a String type to a SecureString type. You must create a new, unique parameter.",
      $metadata: {},
    });
  const value = input.Value ?? '';
  refuseMismatch(value, type, input.AllowedPattern);
  const description = input.Description ?? before?.description;
  return {
    version: (before?.version ?? 0) + 1,
    type,
    tier: tierFor(input, before, Buffer.byteLength(value)),
    dataType: 'text',
    ...(description !== undefined && { description }),
    ...(input.AllowedPattern && { allowedPattern: input.AllowedPattern }),
    ...(type === 'SecureString' && { keyId: defaultKey }),
    ...written,
  };
}

/** AWS's patterns are Java's; what both languages have is what works here. */
function refuseMismatch(value: string, type: ParameterType, pattern: string | undefined): void {
  if (!pattern) return;
  const parts = type === 'StringList' ? value.split(',') : [value];
  if (!matches(parts, pattern))
    throw new ParameterPatternMismatchException({
      message: `Parameter value, cannot be validated against allowedPattern: ${pattern}`,
      $metadata: {},
    });
}

/** In a context of its own, because only there a running expression can be ended. */
function matches(parts: readonly string[], pattern: string): boolean {
  const code = "const expression = new RegExp(whole, 'u'); parts.every((part) => expression.test(part))";
  const whole = `^(?:${pattern})$`;
  try {
    return runInNewContext(code, { whole, parts }, { timeout: patternPatience }) === true;
  } catch (error) {
    throw new InvalidAllowedPatternException({
      message: `The request does not meet the regular expression requirement: ${pattern} (${(error as Error).name})`,
      $metadata: {},
    });
  }
}

/** @param bytes length of the value */
function tierFor({ Tier }: PutParameterRequest, before: ParameterVersion | undefined, bytes: number): ParameterTier {
  const tier = chosenTier(Tier, before, bytes);
  if (tier === 'Standard' && before?.tier === 'Advanced')
    throw invalid(
      "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter tier to the standard-parameter tier. If necessary, you can delete the advanced parameter and recreate it as a standard parameter.",
    );
  if (bytes <= longestValue[tier]) return tier;
  throw invalid(
    tier === 'Standard'
      ? `Standard tier parameters support a maximum parameter value of ${longestValue.Standard} characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier. For more information, see https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html`
      : `Advanced tier parameters support a maximum parameter value of ${longestValue.Advanced} characters.`,
  );
}

function chosenTier(
  wanted: PutParameterRequest['Tier'],
  before: ParameterVersion | undefined,
  bytes: number,
): ParameterTier {
  if (wanted === 'Advanced' || wanted === 'Standard') return wanted;
  if (before?.tier === 'Advanced') return 'Advanced';
  return wanted === 'Intelligent-Tiering' && bytes > longestValue.Standard ? 'Advanced' : 'Standard';
}

/** The oldest of a hundred makes room, unless somebody labelled it. */
function versionToForget({ name, oldest, current, labels }: Parameter): number | undefined {
  if (current.version - oldest + 1 < mostVersions) return undefined;
  if (Object.values(labels).includes(oldest))
    throw new ParameterMaxVersionLimitExceeded({
      message: `You attempted to create a new version of ${name} by calling the PutParameter API with the overwrite flag. Version ${oldest}, the oldest version, can't be deleted because it has a label associated with it. Move the label to another version of the parameter, and try again.`,
      $metadata: {},
    });
  return oldest;
}
