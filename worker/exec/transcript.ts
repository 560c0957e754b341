/** What a session's output is written down to, as the cluster's executeCommandConfiguration says. */
import type { ExecSessionSpec } from '../../core/exec/session.ts';

export interface Transcript {
  /** Waits while too much is on its way. */
  write(data: Uint8Array): Promise<void>;
  /** Everything that was written has been sent on. */
  close(): Promise<void>;
}

/** @throws TranscriptError when the session must not go on without */
export type OpenTranscript = (session: ExecSessionSpec) => Promise<Transcript>;

/** The message is shown at the client. */
export class TranscriptError extends Error {
  override readonly name = 'TranscriptError';
}

export const noTranscript: OpenTranscript = async () => ({ write: async () => {}, close: async () => {} });
