/** What a person can do something about: told in one sentence, without a stack trace. */
export class Failure extends Error {
  override readonly name = 'Failure';
}

/** The sentence to print for anything that was thrown. */
export function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** True for an error of the operating system with this code, for example `ENOENT`. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && codes.includes((error as NodeJS.ErrnoException).code ?? '');
}
