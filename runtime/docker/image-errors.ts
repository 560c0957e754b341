/** The engine says why a pull failed in words only: what they mean, first match wins. */
import type { DriverErrorKind } from '../driver.ts';

const meanings: readonly (readonly [DriverErrorKind, RegExp])[] = [
  ['engine', /cannot be reached|ECONNREFUSED .*docker|ENOENT .*\.sock|^connect (ENOENT|EACCES|ECONNREFUSED)/i],
  ['image-name', /invalid reference format|repository name .*must be lowercase/i],
  ['image-disk', /no space left on device|disk quota exceeded/i],
  [
    'image-platform',
    /no matching manifest|does not match the (specified|requested) platform|not supported on this platform|does not provide the specified platform|cannot be used on this platform/i,
  ],
  [
    'image-unauthorized',
    /unauthorized|authentication required|access denied|no basic auth credentials|denied:|403 forbidden|(?<!:)\b401\b/i,
  ],
  ['image-not-found', /manifest( for .*)? (unknown|not found)|not found|no such image|name unknown|does not exist/i],
];

export function pullErrorKind(words: string, status: number | undefined): DriverErrorKind {
  for (const [kind, pattern] of meanings) if (pattern.test(words)) return kind;
  return status === 404 || status === 400 ? 'image-not-found' : 'image-registry';
}
