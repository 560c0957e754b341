/** Where a container's output goes: a log stream, a collector, a log router. */

export interface SinkEvent {
  /** Milliseconds since the epoch; within a delivery never less than the event's before it. */
  readonly timestamp: number;
  readonly message: string;
  readonly source: 'stdout' | 'stderr';
}

export interface Sink {
  /** How much one delivery may hold. */
  readonly batch: {
    readonly events: number;
    readonly bytes: number;
    /** Bytes that each event counts beside its message. */
    readonly overhead: number;
    /** Milliseconds between the first and the last event. */
    readonly span: number;
  };
  /** Milliseconds that a timestamp may lie before and after the present; absent: as many as you like. */
  readonly window?: { readonly before: number; readonly after: number };
  /** Bytes of a message at most. */
  readonly longestMessage: number;
  /**
   * Delivers all or, when it throws, perhaps all.
   * @throws PermanentError when trying again is no use
   */
  deliver(events: readonly SinkEvent[], signal: AbortSignal): Promise<void>;
  /**
   * How many events with these timestamps (both inclusive) have arrived, counted up to `enough`: tells whether a delivery
   * that nobody answered for was made. Absent: it cannot be told, and the delivery is repeated.
   */
  countBetween?(first: number, last: number, enough: number, signal: AbortSignal): Promise<number>;
  close(): void;
}

/** These events can never be delivered. */
export class PermanentError extends Error {
  override readonly name = 'PermanentError';
}
