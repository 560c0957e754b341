/** What a VPC would have named: until there is one, names follow from the subnet's and the task's id alone. */
import { createHash } from 'node:crypto';
import type { NetworkInterface, TaskSpec } from './task.ts';

/** Every region is taken to have these three; the same subnet is always in the same one. */
const zoneLetters = ['a', 'b', 'c'] as const;

/** For example `us-east-1b`. */
export function availabilityZone(region: string, subnetId: string): string {
  const letter = zoneLetters[digest(subnetId).readUInt32BE(0) % zoneLetters.length];
  return `${region}${letter}`;
}

/** `eni-` and 17 hexadecimal digits; a launch that is repeated gets the same. */
export function networkInterfaceId(taskId: string): string {
  return `eni-0${digest(taskId).toString('hex').slice(0, 16)}`;
}

/** The name that EC2 gives an address: `ip-10-0-1-184.ec2.internal`, with the region in it outside of us-east-1. */
export function privateDnsName(region: string, ipv4Address: string): string {
  const domain = region === 'us-east-1' ? 'ec2.internal' : `${region}.compute.internal`;
  return `ip-${ipv4Address.replaceAll('.', '-')}.${domain}`;
}

/** The interface of a task whose sandbox has these addresses. */
export function networkInterface(
  task: Pick<TaskSpec, 'taskId' | 'region'>,
  sandbox: { readonly ipv4Address: string; readonly macAddress: string },
): NetworkInterface {
  return {
    id: networkInterfaceId(task.taskId),
    macAddress: sandbox.macAddress,
    privateIpv4Address: sandbox.ipv4Address,
    privateDnsName: privateDnsName(task.region, sandbox.ipv4Address),
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
