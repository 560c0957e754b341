/**
 * How a sandbox gets its network, chosen once when the driver is opened. The engine can do it (engine-network.ts), but
 * takes three times as long as doing it ourselves (direct-network.ts), which needs the engine's host to be ours.
 */
import type Docker from 'dockerode';
import { DriverError, type NetworkCounters } from '../driver.ts';

export interface SandboxNetwork {
  /** Why sandboxes start slowly; undefined: they do not. */
  readonly slow?: string;
  /** What the configuration of a pause container needs so that it will have this address. */
  configure(address: string, sysctls: Readonly<Record<string, string>>): Promise<PauseNetworkConfig>;
  /**
   * Makes the network of a pause container that was just started ready.
   * @throws AddressTakenError when another sandbox has its address
   */
  attach(pause: StartedPause, sysctls: Readonly<Record<string, string>>): Promise<{ readonly macAddress: string }>;
  /** What went through a sandbox's interface so far; undefined: it has none (any more). */
  counters(sandboxId: string): Promise<NetworkCounters | undefined>;
  close(): Promise<void>;
}

export interface PauseNetworkConfig {
  readonly Cmd?: string[];
  readonly HostConfig: Docker.HostConfig;
  readonly NetworkingConfig?: Docker.ContainerCreateOptions['NetworkingConfig'];
}

export interface StartedPause {
  readonly id: string;
  readonly pid: number;
  readonly address: string;
  /** An earlier process may have begun with it. */
  readonly again: boolean;
  /** As the engine tells them. */
  readonly networks: Readonly<Record<string, { readonly IPAddress?: string; readonly MacAddress?: string }>>;
}

/** Before the driver is opened. */
export const noNetwork: SandboxNetwork = {
  configure: refuse,
  attach: refuse,
  counters: async () => undefined,
  close: async () => {},
};

async function refuse(): Promise<never> {
  throw new DriverError('engine', 'The driver is not open.');
}
