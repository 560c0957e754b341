/** Milliseconds since the epoch; passed in so that tests and simulations own time. */
export type Clock = () => number;

export const systemClock: Clock = () => Date.now();

/** Calls `action` after so many milliseconds, unless the returned function is called before. */
export type After = (milliseconds: number, action: () => void) => () => void;

/** Longest delay that a Node timer can hold. */
const longest = 2 ** 31 - 1;

export const systemAfter: After = (milliseconds, action) => {
  let timer: NodeJS.Timeout;
  const set = (left: number) => {
    const step = Math.min(left, longest);
    timer = setTimeout(() => (left > step ? set(left - step) : action()), step);
  };
  set(milliseconds);
  return () => clearTimeout(timer);
};
