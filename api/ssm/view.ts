/** Parameters as Parameter Store shows them. */
import type { ParameterHistory, ParameterMetadata, Parameter as ShownParameter } from '@aws-sdk/client-ssm';
import type { Scope } from '../../core/scope.ts';
import { type Parameter, type ParameterVersion, parameterArn } from '../../core/secrets/parameter.ts';
import type { ParameterWithValue } from '../../core/store/parameter-store.ts';

export interface Shown {
  /** As asked for, with its colon. */
  readonly selector?: string;
  readonly decrypt: boolean | undefined;
}

export function parameterView(scope: Scope, found: ParameterWithValue, shown: Shown): ShownParameter {
  const { parameter, version } = found;
  return {
    Name: parameter.name,
    Type: version.type,
    Value: valueView(found, shown.decrypt),
    Version: version.version,
    ...(shown.selector !== undefined && { Selector: shown.selector }),
    LastModifiedDate: new Date(version.modifiedAt),
    ARN: parameterArn(scope, parameter.name),
    DataType: version.dataType,
  };
}

export function historyView(found: ParameterWithValue, decrypt: boolean | undefined): ParameterHistory {
  const { parameter, version } = found;
  const labels = Object.keys(parameter.labels).filter((label) => parameter.labels[label] === version.version);
  return { ...commonView(parameter, version), Value: valueView(found, decrypt), Labels: labels.sort() };
}

export function metadataView(scope: Scope, parameter: Parameter): ParameterMetadata {
  return { ...commonView(parameter, parameter.current), ARN: parameterArn(scope, parameter.name) };
}

function commonView(parameter: Parameter, version: ParameterVersion): ParameterMetadata {
  return {
    Name: parameter.name,
    Type: version.type,
    ...(version.keyId !== undefined && { KeyId: version.keyId }),
    LastModifiedDate: new Date(version.modifiedAt),
    LastModifiedUser: version.modifiedBy,
    ...(version.description !== undefined && { Description: version.description }),
    ...(version.allowedPattern !== undefined && { AllowedPattern: version.allowedPattern }),
    Version: version.version,
    Tier: version.tier,
    Policies: [],
    DataType: version.dataType,
  };
}

/** Without decryption AWS shows KMS's ciphertext; here it is what the store holds. */
function valueView({ version, value, sealed }: ParameterWithValue, decrypt: boolean | undefined): string {
  return version.type === 'SecureString' && !decrypt ? Buffer.from(sealed).toString('base64') : value;
}
