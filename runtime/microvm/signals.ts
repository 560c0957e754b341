/** Signals by the names that images and configurations use. */
import { constants } from 'node:os';

/** `SIGTERM`, `TERM` or `15`; what nobody knows is SIGTERM. Real-time signals as `RTMIN+3`. */
export function signalNumber(name: string): number {
  if (/^\d+$/.test(name)) return Number(name);
  const known = constants.signals as Readonly<Record<string, number>>;
  const upper = name.toUpperCase().replace(/^SIG/, '');
  const realTime = /^RTMIN(?:\+(\d+))?$/.exec(upper);
  if (realTime) return 34 + Number(realTime[1] ?? 0);
  return known[`SIG${upper}`] ?? 15;
}
