/** The exceptions that several operation families throw, in ECS's words. */
import {
  ClientException,
  ClusterNotFoundException,
  InvalidParameterException,
  UnsupportedFeatureException,
} from '@aws-sdk/client-ecs';

export function clientError(message: string): ClientException {
  return new ClientException({ message, $metadata: {} });
}

export function invalidParameter(message: string): InvalidParameterException {
  return new InvalidParameterException({ message, $metadata: {} });
}

export function clusterNotFound(): ClusterNotFoundException {
  return new ClusterNotFoundException({ message: 'Cluster not found.', $metadata: {} });
}

export function unsupportedFeature(message: string): UnsupportedFeatureException {
  return new UnsupportedFeatureException({ message, $metadata: {} });
}
