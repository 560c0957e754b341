/** The exceptions that several of Secrets Manager's operations throw. */
import {
  InvalidNextTokenException,
  InvalidParameterException,
  InvalidRequestException,
  ResourceExistsException,
  ResourceNotFoundException,
} from '@aws-sdk/client-secrets-manager';

export function invalidParameter(message: string): InvalidParameterException {
  return new InvalidParameterException({ message, $metadata: {} });
}

export function invalidRequest(message: string): InvalidRequestException {
  return new InvalidRequestException({ message, $metadata: {} });
}

export function resourceExists(message: string): ResourceExistsException {
  return new ResourceExistsException({ message, $metadata: {} });
}

/** @param what follows `the specified secret`: ` value for VersionId: …` */
export function notFound(what = '.'): ResourceNotFoundException {
  return new ResourceNotFoundException({
    message: `Secrets Manager can't find the specified secret${what}`,
    $metadata: {},
  });
}

export function markedForDeletion(): InvalidRequestException {
  return invalidRequest("You can't perform this operation on the secret because it was marked for deletion.");
}

export function invalidToken(): InvalidNextTokenException {
  return new InvalidNextTokenException({ message: 'Invalid token.', $metadata: {} });
}
