/** IPv4 ranges: parts of a larger one, and whether two overlap. */

export interface Range {
  /** First address as a number. */
  readonly first: number;
  readonly prefixLength: number;
}

/** @throws Error when the text is no range such as 10.213.0.0/16 */
export function parseRange(text: string): Range {
  const [address = '', length = ''] = text.split('/');
  const parts = address.split('.').map(Number);
  const prefixLength = Number(length);
  const valid = parts.length === 4 && parts.every((part) => Number.isInteger(part) && part >= 0 && part <= 255);
  if (!valid || length === '' || !(Number.isInteger(prefixLength) && prefixLength >= 0 && prefixLength <= 32)) {
    throw new Error(`${text} is not an IPv4 range such as 10.213.0.0/16.`);
  }
  const number = parts.reduce((sum, part) => sum * 256 + part, 0);
  return { first: number - (number % size(prefixLength)), prefixLength };
}

/** Addresses in a range. */
export function size(prefixLength: number): number {
  return 2 ** (32 - prefixLength);
}

/** How many ranges of `prefixLength` there are in `whole`. */
export function partsOf(whole: Range, prefixLength: number): number {
  return prefixLength < whole.prefixLength ? 0 : 2 ** (prefixLength - whole.prefixLength);
}

export function part(whole: Range, prefixLength: number, index: number): Range {
  return { first: whole.first + index * size(prefixLength), prefixLength };
}

export function overlap(a: Range, b: Range): boolean {
  return a.first < b.first + size(b.prefixLength) && b.first < a.first + size(a.prefixLength);
}

export function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}

export function formatRange({ first, prefixLength }: Range): string {
  return `${formatAddress(first)}/${prefixLength}`;
}
