/** Time as the fake driver sees it, so that a simulation can own it. */
export interface FakeClock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls `action` after so many milliseconds, unless the returned function is called before. */
  after(milliseconds: number, action: () => void): () => void;
}

/** Longest delay that a Node timer can hold. */
const LONGEST = 2 ** 31 - 1;

export const realClock: FakeClock = {
  now: () => Date.now(),
  after(milliseconds, action) {
    let timer: NodeJS.Timeout;
    const set = (left: number) => {
      const step = Math.min(left, LONGEST);
      timer = setTimeout(() => (left > step ? set(left - step) : action()), step);
    };
    set(milliseconds);
    return () => clearTimeout(timer);
  },
};
