/** What a driver's error is called in ECS: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html */
import { DriverError } from '../runtime/driver.ts';

export type Step = 'sandbox' | 'pull' | 'create' | 'start';

/** ECS cuts reasons at 1024 characters. */
export const longestReason = 1024;

/** `ErrorName: text` for containers[].reason and stoppedReason. */
export function failureReason(
  step: Step,
  error: unknown,
  context: { readonly image?: string; readonly platform?: string; readonly retries?: number } = {},
): string {
  const text = describe(step, error, context);
  return text.length > longestReason ? text.slice(0, longestReason) : text;
}

function describe(
  step: Step,
  error: unknown,
  context: { readonly image?: string; readonly platform?: string; readonly retries?: number },
): string {
  const words = error instanceof Error ? error.message : String(error);
  // Only what lies elsewhere can be missing.
  if (error instanceof DriverError && error.kind === 'volume')
    return `ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: ${words}`;
  if (step === 'pull') return `CannotPullContainerError: ${pullText(error, words, context)}`;
  if (step === 'create') return `CannotCreateContainerError: ${words}`;
  if (step === 'start') return `CannotStartContainerError: ${words}`;
  return `ResourceInitializationError: unable to set up the task's network: ${words}`;
}

function pullText(
  error: unknown,
  words: string,
  context: { readonly image?: string; readonly platform?: string; readonly retries?: number },
): string {
  const reference = imageReference(context.image ?? '');
  const retried = `pull image manifest has been retried ${context.retries ?? 0} time(s)`;
  switch (error instanceof DriverError ? error.kind : undefined) {
    case 'image-not-found':
      return `${retried}: failed to resolve ref ${reference}: ${reference}: not found`;
    case 'image-unauthorized':
      return `${retried}: failed to resolve ref ${reference}: pull access denied, repository does not exist or may require authorization: ${words}`;
    case 'image-platform':
      return `${retried}: image Manifest does not contain descriptor matching platform '${context.platform ?? ''}'`;
    case 'image-disk':
      return `ref pull has been retried ${context.retries ?? 0} time(s): failed to extract layer: no space left on device`;
    case 'image-registry':
      return `${retried}: failed to resolve ref ${reference}: failed to do request: ${words}`;
    default:
      return words;
  }
}

/** The full name of an image as registries know it: `nginx` is `docker.io/library/nginx:latest`. */
export function imageReference(image: string): string {
  const [first = '', ...rest] = image.split('/');
  const hasHost = rest.length > 0 && (first.includes('.') || first.includes(':') || first === 'localhost');
  const path = hasHost ? image : `docker.io/${rest.length > 0 ? image : `library/${image}`}`;
  const name = path.slice(path.lastIndexOf('/') + 1);
  return name.includes(':') || name.includes('@') ? path : `${path}:latest`;
}
