import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  availabilityZone,
  networkInterface,
  networkInterfaceId,
  privateDnsName,
} from '../../core/network-interface.ts';

const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length });

describe('names that follow from ids', () => {
  it('put a subnet into one zone of its region, always the same', () => {
    fc.assert(
      fc.property(hex(17), (id) => {
        const zone = availabilityZone('eu-central-1', `subnet-${id}`);
        expect(zone).toMatch(/^eu-central-1[abc]$/);
        expect(availabilityZone('eu-central-1', `subnet-${id}`)).toBe(zone);
      }),
    );
  });

  it('spread subnets over all zones', () => {
    const zones = Array.from({ length: 60 }, (_, n) => availabilityZone('us-east-1', `subnet-${n + 10_000_000}`));
    expect([...new Set(zones)].sort()).toEqual(['us-east-1a', 'us-east-1b', 'us-east-1c']);
  });

  it('give each task an interface id of the form of EC2', () => {
    fc.assert(
      fc.property(hex(32), hex(32), (a, b) => {
        expect(networkInterfaceId(a)).toMatch(/^eni-[0-9a-f]{17}$/);
        expect(networkInterfaceId(a) === networkInterfaceId(b)).toBe(a === b);
      }),
    );
  });

  it('name addresses as EC2 does, with the region except in us-east-1', () => {
    expect(privateDnsName('us-east-1', '10.0.1.184')).toBe('ip-10-0-1-184.ec2.internal');
    expect(privateDnsName('us-west-2', '10.0.0.222')).toBe('ip-10-0-0-222.us-west-2.compute.internal');
  });

  it('take the addresses from the sandbox', () => {
    const task = { taskId: 'a'.repeat(32), region: 'us-east-1' };
    const seen = networkInterface(task, { ipv4Address: '10.213.0.5', macAddress: '0a:58:0a:d5:00:05' });
    expect(seen).toEqual({
      id: networkInterfaceId(task.taskId),
      macAddress: '0a:58:0a:d5:00:05',
      privateIpv4Address: '10.213.0.5',
      privateDnsName: 'ip-10-213-0-5.ec2.internal',
    });
  });
});
