/** Milliseconds since the epoch; passed in so that tests and simulations own time. */
export type Clock = () => number;

export const systemClock: Clock = () => Date.now();
