/** The kernel's and the engine's names for what goes through an interface, in the contract's form. */
import type { NetworkCounters } from '../driver.ts';

export const counted = ['bytes', 'packets', 'errors', 'dropped'] as const;

/** @param read `rx` is what the sandbox received */
export function networkCounters(
  read: (direction: 'rx' | 'tx', what: (typeof counted)[number]) => number,
): NetworkCounters {
  const traffic = (direction: 'rx' | 'tx') => ({
    bytes: read(direction, 'bytes'),
    packets: read(direction, 'packets'),
    errors: read(direction, 'errors'),
    dropped: read(direction, 'dropped'),
  });
  return { received: traffic('rx'), sent: traffic('tx') };
}
