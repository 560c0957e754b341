/**
 * What a parameter may be called.
 * https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html
 */
import { AccessDeniedException, HierarchyLevelLimitExceededException } from '@aws-sdk/client-ssm';
import type { Scope } from '../../core/scope.ts';
import { parameterArn } from '../../core/secrets/parameter.ts';
import { invalid } from './errors.ts';

const mostLevels = 15;
/** Characters of the ARN, of which the name itself may have 1011. */
const longestName = 1011;
const longestArn = 2048;

const asPath =
  'If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_';

/** @throws the error that PutParameter answers for a name that no parameter may have */
export function refuseBadName(scope: Scope, name: string): void {
  const bare = name.replace(/^\//, '').toLowerCase();
  const isPath = name.indexOf('/', 1) > 0;
  if (isPath && name.toLowerCase().startsWith('/aws/')) {
    const message = `No access to reserved parameter name: ${name}.`;
    throw new AccessDeniedException({ message, Message: message, $metadata: {} });
  }
  if (bare.startsWith('aws') || bare.startsWith('ssm'))
    throw invalid(
      isPath
        ? `Parameter name: can't be prefixed with "ssm" (case-insensitive). ${asPath}`
        : 'Parameter name: can\'t be prefixed with "aws" or "ssm" (case-insensitive).',
    );
  if (!/^[A-Za-z0-9_.\-/]+$/.test(name))
    throw invalid(
      name.includes('/')
        ? `Parameter name: can't be prefixed with "ssm" (case-insensitive). ${asPath}`
        : 'Parameter name: Only a mix of letters, numbers and the following 3 symbols .-_ are allowed.',
    );
  if (name.includes('/') && !name.startsWith('/')) throw invalid('Parameter name must be a fully qualified name.');
  if (/\/$|\/\//.test(name))
    throw invalid(`Parameter name must not end with a slash or have an empty sub-path: ${name}`);
  if (name.length > longestName || parameterArn(scope, name).length > longestArn)
    throw invalid(`Parameter name must not be longer than ${longestName} characters.`);
  if (name.split('/').length - 1 > mostLevels)
    throw new HierarchyLevelLimitExceededException({
      message: `A hierarchy can have a maximum of ${mostLevels} levels. For more information, see Requirements and constraints for parameter names in the AWS Systems Manager User Guide.`,
      $metadata: {},
    });
}

/** @throws ValidationException unless it is a path of parameters, with or without a slash at its end */
export function refuseBadPath(path: string): void {
  if (!/^\/([A-Za-z0-9_.-]+(\/[A-Za-z0-9_.-]+)*\/?)?$/.test(path))
    throw invalid(
      'The parameter doesn\'t meet the parameter name requirements. The parameter name must begin with a forward slash "/". It can\'t be prefixed with "aws" or "ssm" (case-insensitive). It must use only letters, numbers, or the following symbols: . (period), - (hyphen), _ (underscore). Special characters are not allowed. All sub-paths, if specified, must use the forward slash symbol "/". Valid example: /get/parameters2-/by1./path0_.',
    );
}
