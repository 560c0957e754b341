/** What a task needs before its first container cannot be had; the message is Fargate's and holds no value. */
export class ResourceError extends Error {
  override readonly name = 'ResourceError';
  constructor(problem: string) {
    super(`ResourceInitializationError: ${problem}`);
  }
}
