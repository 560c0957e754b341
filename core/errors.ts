/** Errors that core decides and its callers turn into answers. */

/** A worker name is held by another process that is alive. */
export class WorkerNameTakenError extends Error {
  override readonly name = 'WorkerNameTakenError';
}

/** This process is no longer the owner of its worker name: it must stop writing. */
export class FencedError extends Error {
  override readonly name = 'FencedError';
}

/** A change would take a fact back or move a task backwards in its life. */
export class ImpossibleTransitionError extends Error {
  override readonly name = 'ImpossibleTransitionError';
}
