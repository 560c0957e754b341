/** Hands out the addresses of an IPv4 range, the least recently used first: late packets to a former holder meet nobody. */
import { DriverError, type NetworkRange } from './driver.ts';

export interface Addresses {
  /** How many can be taken at the same time. */
  readonly size: number;
  /** @throws DriverError kind create when all are taken */
  take(): string;
  /** Marks one as taken; what lies outside of the range is no matter of ours. */
  hold(address: string): void;
  release(address: string): void;
  contains(address: string): boolean;
  /** Those that are taken. */
  taken(): readonly string[];
}

export function createAddresses({ subnet, gateway }: NetworkRange): Addresses {
  const [base = '', prefix] = subnet.split('/');
  const size = 2 ** (32 - Number(prefix));
  const first = Math.floor(numberOf(base) / size) * size;
  const reserved = numberOf(gateway);
  const taken = new Set<number>();
  let next = 1;
  const isOurs = (number: number) => number > first && number < first + size - 1 && number !== reserved;
  const take = (number: number) => {
    taken.add(number);
    next = number - first >= size - 2 ? 1 : number - first + 1;
  };
  return {
    // Neither the network's own address nor that for broadcasts, nor the gateway.
    size: Math.max(0, size - 3),
    take() {
      for (let tries = 0; tries < size - 2; tries += 1) {
        const candidate = first + ((next - 1 + tries) % (size - 2)) + 1;
        if (!isOurs(candidate) || taken.has(candidate)) continue;
        take(candidate);
        return textOf(candidate);
      }
      throw new DriverError('create', `No address is free in ${subnet}.`);
    },
    hold(address) {
      if (isOurs(numberOf(address))) take(numberOf(address));
    },
    release: (address) => void taken.delete(numberOf(address)),
    contains: (address) => isOurs(numberOf(address)),
    taken: () => [...taken].map(textOf),
  };
}

/** All that a range can give. */
export function allAddresses({ subnet, gateway }: NetworkRange): readonly string[] {
  const [base = '', prefix] = subnet.split('/');
  const size = 2 ** (32 - Number(prefix));
  const first = Math.floor(numberOf(base) / size) * size;
  const inside = Array.from({ length: Math.max(0, size - 2) }, (_, index) => textOf(first + 1 + index));
  return inside.filter((address) => address !== gateway);
}

/** The name that a sandbox has for itself, after the manner of EC2: `ip-10-213-0-5`. */
export function hostnameOf(address: string): string {
  return `ip-${address.replaceAll('.', '-')}`;
}

/** It follows from the address, so that an entry of an ARP table is never out of date. */
export function macAddressOf(address: string): string {
  return ['02', '42', ...address.split('.').map((part) => Number(part).toString(16).padStart(2, '0'))].join(':');
}

function numberOf(address: string): number {
  return address.split('.').reduce((value, part) => value * 256 + Number(part), 0);
}

function textOf(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}
