/** The exceptions that several of ECR's operations throw, in its words. */
import {
  ImageNotFoundException,
  InvalidParameterException,
  RepositoryNotFoundException,
  ValidationException,
} from '@aws-sdk/client-ecr';
import { AwsError } from '../errors.ts';

export interface NamedRepository {
  /** Account. */
  readonly registryId: string;
  readonly name: string;
}

/** `the repository with name 'app' in the registry with id '…'`, as most messages end. */
export function inRegistry({ registryId, name }: NamedRepository): string {
  return `the repository with name '${name}' in the registry with id '${registryId}'`;
}

export function repositoryNotFound({ registryId, name }: NamedRepository): RepositoryNotFoundException {
  return new RepositoryNotFoundException({
    message: `The repository with name '${name}' does not exist in the registry with id '${registryId}'`,
    $metadata: {},
  });
}

export function imageNotFound(
  repository: NamedRepository,
  { imageDigest, imageTag }: { readonly imageDigest?: string | undefined; readonly imageTag?: string | undefined },
): ImageNotFoundException {
  const show = (text: string | undefined) => (text === undefined ? 'null' : `'${text}'`);
  return new ImageNotFoundException({
    message: `The image with imageId {imageDigest:${show(imageDigest)}, imageTag:${show(imageTag)}} does not exist within the repository with name '${repository.name}' in the registry with id '${repository.registryId}'`,
    $metadata: {},
  });
}

/** @param constraint what the value does not satisfy */
export function invalidParameter(parameter: string, constraint: string): InvalidParameterException {
  return new InvalidParameterException({
    message: `Invalid parameter at '${parameter}' failed to satisfy constraint: '${constraint}'`,
    $metadata: {},
  });
}

export function invalid(message: string): InvalidParameterException {
  return new InvalidParameterException({ message, $metadata: {} });
}

export function validationError(message: string): ValidationException {
  return new ValidationException({ message, $metadata: {} });
}

export function accessDenied(message: string): AwsError {
  return new AwsError('AccessDeniedException', message);
}
