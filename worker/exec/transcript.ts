/** What a session's output is written down to, as the cluster's executeCommandConfiguration says. */
import type { Logger } from 'pino';
import type { ExecSessionSpec, TranscriptTarget } from '../../core/exec/session.ts';

export interface Transcript {
  /** Waits while too much is on its way. @throws TranscriptError when the session must not go on without */
  write(data: Uint8Array): Promise<void>;
  /** Resolves when everything that was written has been sent on. */
  close(): Promise<void>;
}

/** @throws TranscriptError when the session must not begin without */
export type OpenTranscript = (session: ExecSessionSpec) => Promise<Transcript>;

/** One place that takes transcripts. Undefined: the target does not name it. */
export type TranscriptPlace = (session: ExecSessionSpec, target: TranscriptTarget) => Promise<Transcript | undefined>;

/** The message is shown at the client. */
export class TranscriptError extends Error {
  override readonly name = 'TranscriptError';
}

export const noTranscript: OpenTranscript = async () => ({ write: async () => {}, close: async () => {} });

/**
 * Where the target is the container's own log group, which nobody chose for sessions, a session goes on without it, as
 * on AWS; where it was chosen, it does not.
 */
export function createTranscripts(places: readonly TranscriptPlace[], log: Logger): OpenTranscript {
  return async (session) => {
    const target = session.transcript;
    if (!target) return await noTranscript(session);
    const opened: Transcript[] = [];
    const tolerant = async (action: () => Promise<void>) => {
      try {
        await action();
      } catch (error) {
        if (target.required) throw error;
        log.warn({ err: error, session: session.sessionId }, "a session's output is not written down");
        opened.length = 0;
      }
    };
    for (const place of places)
      await tolerant(async () => {
        const transcript = await place(session, target);
        if (transcript) opened.push(transcript);
      });
    return {
      write: async (data) =>
        await tolerant(async () => void (await Promise.all(opened.map(async (each) => await each.write(data))))),
      close: async () =>
        await tolerant(async () => void (await Promise.all(opened.map(async (each) => await each.close())))),
    };
  };
}

/** What went wrong, for the user: the service's words. */
export function transcriptError(place: string, error: unknown): TranscriptError {
  if (error instanceof TranscriptError) return error;
  const words = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return new TranscriptError(`The output of the session cannot be written to ${place}. ${words}`, { cause: error });
}
