/** What the parts of the driver share once it is assembled. */
import type { NetworkRange } from '../driver.ts';
import type { Log } from '../log.ts';
import type { Cgroups } from './cgroup.ts';
import type { DiskQuota } from './disk-quota.ts';
import type { Engine } from './engine.ts';
import type { EngineFacts } from './facts.ts';
import type { Leases } from './leases.ts';
import type { Names } from './names.ts';
import type { PacketFilter } from './packet-filter.ts';
import type { Pause } from './pause.ts';
import type { Records } from './record.ts';
import type { SandboxNetwork } from './sandbox-network.ts';

export interface Context {
  readonly engine: Engine;
  readonly names: Names;
  readonly range: NetworkRange;
  readonly facts: EngineFacts;
  readonly records: Records;
  readonly leases: Leases;
  /** Sandboxes that are being made, by id: a repeated call waits for the first. */
  readonly making: Map<string, Promise<Pause>>;
  readonly log: Log;
  readonly ends: EndNotes;
  /** At most so many inspections at once, however many containers are waited for. */
  readonly looks: <T>(work: () => Promise<T>) => Promise<T>;
  readonly diskQuota: DiskQuota;
  /** Folders that no container may see, nor what contains them. */
  readonly keepOut: readonly string[];
  /** One after another for each key. */
  readonly turns: <T>(key: string | undefined, work: () => Promise<T>) => Promise<T>;
  /** Replaced once when the engine turns out not to use this host's cgroups. */
  cgroups: Cgroups;
  /** Set when the driver is opened. */
  network: SandboxNetwork;
  /** Set when the driver is opened. */
  filter: PacketFilter;
}

/** What this process did to containers, by container id: it tells how to read their end. */
export interface EndNotes {
  /** When we told that it was started. */
  readonly started: Map<string, number>;
  /** Those that we were asked to stop: their end is no lack of memory. */
  readonly stopped: Set<string>;
}
