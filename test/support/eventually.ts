/** Waiting for what other processes do, and chance that can be repeated. */

/** Asks again and again until `probe` answers something; says what it waited for when it never does. */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T | undefined> | T | undefined,
  patience = 30_000,
): Promise<T> {
  const deadline = Date.now() + patience;
  let problem: unknown;
  for (let pause = 10; ; pause = Math.min(pause * 1.5, 150)) {
    try {
      const answer = await probe();
      if (answer !== undefined) return answer;
      problem = undefined;
    } catch (error) {
      problem = error;
    }
    if (Date.now() > deadline) throw new Error(`Waited ${patience / 1000} s in vain: ${what}`, { cause: problem });
    await moment(pause);
  }
}

/** A pause that is itself what is tested (a kill at some moment); never to wait for something. */
export function moment(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

export interface Chance {
  /** From 0 up to, but not including, `below`. */
  number(below: number): number;
  whole(below: number): number;
}

/** The same numbers for the same seed (mulberry32). */
export function chanceOf(seed: number): Chance {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return { number: (below) => next() * below, whole: (below) => Math.floor(next() * below) };
}

/** Set LONGSHORE_TEST_SEED to try other moments. */
export const seed = Number(process.env.LONGSHORE_TEST_SEED ?? 1);
