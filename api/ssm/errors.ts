/** The exceptions that several of Parameter Store's operations throw. */
import {
  InvalidNextToken,
  ParameterNotFound,
  ParameterVersionNotFound,
  ValidationException,
} from '@aws-sdk/client-ssm';

export function invalid(message: string): ValidationException {
  return new ValidationException({ message, $metadata: {} });
}

export function notFound(name: string): ParameterNotFound {
  return new ParameterNotFound({ message: `Parameter ${name} not found.`, $metadata: {} });
}

/** @param selector with its colon */
export function versionNotFound(name: string, selector: string): ParameterVersionNotFound {
  const wanted = selector.slice(1);
  const message = /^\d+$/.test(wanted)
    ? `Systems Manager could not find version ${wanted} of ${name}. Verify the version and try again.`
    : `Systems Manager could not find label ${wanted} for parameter ${name}. Verify the label and try again.`;
  return new ParameterVersionNotFound({ message, $metadata: {} });
}

export function invalidToken(): InvalidNextToken {
  return new InvalidNextToken({ message: 'The specified token is not valid.', $metadata: {} });
}
