/** Where things are in a guest. */
import type { GuestPaths } from './spec.ts';

export const scratchDevice = '/dev/vda';
/** The slots' devices follow the scratch disk's: vdb, vdc, … */
export const slotDevice = (slot: number) => `/dev/vd${String.fromCharCode('b'.charCodeAt(0) + slot)}`;
export const imageFolder = (slot: number) => `/images/${slot}`;
export const volumeFolder = (index: number) => `/scratch/volumes/${index}`;
export const taskGroup = '/sys/fs/cgroup/task';
export const etc = '/run/etc';

export function pathsOf(id: string): GuestPaths & {
  readonly layers: string;
  readonly output: string;
  readonly pidFile: string;
  readonly console: string;
  readonly log: string;
  readonly groupFolder: string;
} {
  const bundle = `/run/containers/${id}`;
  const layers = `/scratch/containers/${id}`;
  return {
    bundle,
    layers,
    rootfs: `${layers}/rootfs`,
    output: `/scratch/output/${id}`,
    pidFile: `${bundle}/pid`,
    console: `${bundle}/tty`,
    log: `${bundle}/log`,
    cgroup: `/task/${id}`,
    groupFolder: `${taskGroup}/${id}`,
  };
}
