/** Hands out the addresses of an IPv4 range, the least recently used first. */
import { DriverError, type NetworkRange } from '../driver.ts';

export interface Addresses {
  /** @throws DriverError kind create when all are taken */
  take(): string;
  /** Marks one as taken. */
  hold(address: string): void;
  release(address: string): void;
}

export function createAddresses({ subnet, gateway }: NetworkRange): Addresses {
  const [base = '', prefix] = subnet.split('/');
  const size = 2 ** (32 - Number(prefix));
  const first = Math.floor(numberOf(base) / size) * size;
  const taken = new Set([numberOf(gateway)]);
  let next = 1;
  return {
    take() {
      for (let tries = 0; tries < size - 2; tries += 1) {
        const candidate = first + next;
        next = next >= size - 2 ? 1 : next + 1;
        if (taken.has(candidate)) continue;
        taken.add(candidate);
        return textOf(candidate);
      }
      throw new DriverError('create', `No address is free in ${subnet}.`);
    },
    hold: (address) => void taken.add(numberOf(address)),
    release: (address) => void taken.delete(numberOf(address)),
  };
}

function numberOf(address: string): number {
  return address.split('.').reduce((value, part) => value * 256 + Number(part), 0);
}

function textOf(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}
