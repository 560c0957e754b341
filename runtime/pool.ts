/** Sandboxes kept ready. They are made only while nothing is being launched: launches need the processor more. */

export interface Pool<T> {
  /** A ready one, or the one that is just being made; undefined: none, make your own. */
  take(): Promise<T | undefined>;
  /** Adds one from before, when there is room; false: there is none. */
  adopt(item: T): boolean;
  /** Says that a launch is under way; call what it returns when that is over. */
  busy(): () => void;
  /** Starts filling. */
  open(): void;
  /** Discards what was not taken. */
  close(): Promise<void>;
  readonly ready: number;
}

export interface PoolOptions<T> {
  readonly size: number;
  readonly make: () => Promise<T>;
  readonly discard: (item: T) => Promise<void>;
  readonly onError: (error: unknown) => void;
  /** Milliseconds without a launch before one is made. */
  readonly quiet?: number;
}

export function createPool<T>({ size, make, discard, onError, quiet = 100 }: PoolOptions<T>): Pool<T> {
  const ready: T[] = [];
  let making: Promise<T | undefined> | undefined;
  let claimed = false;
  let launches = 0;
  let opened = false;
  let timer: NodeJS.Timeout | undefined;
  let failures = 0;

  const missing = () => opened && !making && ready.length < size;

  const schedule = () => {
    clearTimeout(timer);
    if (!missing() || launches > 0) return;
    timer = setTimeout(fill, failures > 0 ? Math.min(30_000, 500 * 2 ** failures) : quiet);
    timer.unref();
  };

  const fill = () => {
    if (!missing() || launches > 0) return;
    claimed = false;
    making = makeOne().then((item) => {
      making = undefined;
      if (item !== undefined && !claimed) {
        if (opened) ready.push(item);
        else return discardQuietly(item);
      }
      schedule();
      return item;
    });
  };

  const makeOne = async () => {
    try {
      const item = await make();
      failures = 0;
      return item;
    } catch (error) {
      failures += 1;
      onError(error);
      return undefined;
    }
  };

  const discardQuietly = async (item: T) => {
    try {
      await discard(item);
    } catch (error) {
      onError(error);
    }
    return undefined;
  };

  return {
    async take() {
      const item = ready.shift();
      if (item !== undefined) {
        schedule();
        return item;
      }
      if (!making || claimed) return undefined;
      claimed = true;
      return making;
    },
    adopt(item) {
      if (ready.length >= size) return false;
      ready.push(item);
      return true;
    },
    busy() {
      launches += 1;
      clearTimeout(timer);
      let over = false;
      return () => {
        if (over) return;
        over = true;
        launches -= 1;
        schedule();
      };
    },
    open() {
      opened = true;
      schedule();
    },
    async close() {
      opened = false;
      clearTimeout(timer);
      await making;
      await Promise.all(ready.splice(0).map(discardQuietly));
    },
    get ready() {
      return ready.length;
    },
  };
}
