/** Errors that core decides and its callers turn into answers. */

/** A worker name is held by another process that is alive, or by tasks that this process cannot carry on. */
export class WorkerNameTakenError extends Error {
  override readonly name = 'WorkerNameTakenError';
}

/** This process is no longer the owner of its worker name: it must stop writing. */
export class FencedError extends Error {
  override readonly name = 'FencedError';
}

/** There may be room for a task, but the workers that have it are not back yet: trying again soon will help. */
export class WorkersAwayError extends Error {
  override readonly name = 'WorkersAwayError';
}

/** A change would take a fact back or move a task backwards in its life. */
export class ImpossibleTransitionError extends Error {
  override readonly name = 'ImpossibleTransitionError';
}
