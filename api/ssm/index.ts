/** The operations of Parameter Store, and those of Session Manager that ECS Exec needs, by name. */
import { InvalidKeyId } from '@aws-sdk/client-ssm';
import { VaultError } from '../../core/secrets/vault.ts';
import { translateErrors } from '../translate-errors.ts';

import type { SsmDeps, SsmHandlers } from './deps.ts';
import { describeParameters } from './describe.ts';
import { resumeSession, terminateSession } from './exec-session.ts';
import { labelVersion, unlabelVersion } from './label.ts';
import { putParameter } from './put.ts';
import { readHandlers } from './read.ts';
import { tagHandlers } from './tag.ts';

export function ssmHandlers(deps: SsmDeps): SsmHandlers {
  return translateErrors(handlers(deps), (error) =>
    error instanceof VaultError ? new InvalidKeyId({ message: error.message, $metadata: {} }) : error,
  );
}

function handlers(deps: SsmDeps): SsmHandlers {
  return {
    ...readHandlers(deps),
    ...tagHandlers(deps),
    PutParameter: async (input, context) => await putParameter(deps, input, context),
    DescribeParameters: async (input, { caller }) => await describeParameters(deps, caller, input),
    LabelParameterVersion: async (input, { caller }) => await labelVersion(deps, caller, input),
    ResumeSession: async (input, context) => await resumeSession(deps, input, context),
    TerminateSession: async (input, context) => await terminateSession(deps, input, context),
    UnlabelParameterVersion: async (input, { caller }) => await unlabelVersion(deps, caller, input),
  };
}
