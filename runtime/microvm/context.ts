/** What the parts of this driver share. */
import type { Addresses } from '../addresses.ts';
import type { NetworkRange } from '../driver.ts';
import type { Log } from '../log.ts';
import type { Groups } from './groups.ts';
import type { Guest } from './guest.ts';
import type { ImageCache } from './image-cache.ts';
import type { Machine } from './machine.ts';
import type { MachineNetwork } from './network.ts';
import type { Snapshots } from './snapshot.ts';
import type { Vmm } from './vmm.ts';

export interface Context {
  readonly owner: string;
  /** One folder in it for each machine, named after its address. */
  readonly folder: string;
  /** Beside the cache of images, where they can be linked to: one folder in it for each machine. */
  readonly linkFolder: string;
  readonly guest: Guest;
  readonly vmm: Vmm;
  readonly snapshots: Snapshots;
  readonly network: MachineNetwork;
  readonly range: NetworkRange;
  readonly addresses: Addresses;
  readonly groups: Groups;
  readonly images: ImageCache;
  /** Paths of the host that no volume may be, contain or lie in. */
  readonly keepOut: readonly string[];
  /** Those that run and were taken, by the id of their sandbox. */
  readonly machines: Map<string, Machine>;
  readonly log: Log;
}
