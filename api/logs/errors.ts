/** The exceptions that several operations of CloudWatch Logs throw, in its words. */
import {
  InvalidParameterException,
  ResourceAlreadyExistsException,
  ResourceNotFoundException,
  ServiceUnavailableException,
} from '@aws-sdk/client-cloudwatch-logs';

export function invalid(message: string): InvalidParameterException {
  return new InvalidParameterException({ message, $metadata: {} });
}

export function noGroup(): ResourceNotFoundException {
  return new ResourceNotFoundException({ message: 'The specified log group does not exist.', $metadata: {} });
}

export function noStream(): ResourceNotFoundException {
  return new ResourceNotFoundException({ message: 'The specified log stream does not exist.', $metadata: {} });
}

export function groupExists(): ResourceAlreadyExistsException {
  return new ResourceAlreadyExistsException({ message: 'The specified log group already exists', $metadata: {} });
}

export function streamExists(): ResourceAlreadyExistsException {
  return new ResourceAlreadyExistsException({ message: 'The specified log stream already exists', $metadata: {} });
}

export function invalidToken(): InvalidParameterException {
  return invalid('The specified nextToken is invalid.');
}

export function unavailable(message: string): ServiceUnavailableException {
  return new ServiceUnavailableException({ message, $metadata: {} });
}
