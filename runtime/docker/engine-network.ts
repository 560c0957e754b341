/** Sandboxes that the engine connects to its network: works with any engine, and is slow. */
import { macAddressOf } from '../addresses.ts';
import { DriverError } from '../driver.ts';
import type { Context } from './context.ts';
import { networkCounters } from './network-counters.ts';
import type { SandboxNetwork } from './sandbox-network.ts';

export function engineNetwork({ engine, names }: Pick<Context, 'engine' | 'names'>, slow: string): SandboxNetwork {
  return {
    slow,
    configure: async (address, sysctls) => ({
      HostConfig: { NetworkMode: names.network, Sysctls: { ...sysctls } },
      NetworkingConfig: { EndpointsConfig: { [names.network]: { IPAMConfig: { IPv4Address: address } } } },
    }),
    async attach({ address, networks }) {
      const endpoint = networks[names.network];
      if (endpoint?.IPAddress !== address) throw new DriverError('engine', 'The sandbox ended while it was started.');
      return { macAddress: endpoint.MacAddress || macAddressOf(address) };
    },
    async counters(sandboxId) {
      const { networks } = await engine.call((docker) =>
        docker.getContainer(names.sandbox(sandboxId)).stats({ stream: false, 'one-shot': true }),
      );
      // Named as in the container: one, because it is on one network.
      const [counters] = Object.values(networks ?? {});
      return counters && networkCounters((direction, what) => counters[`${direction}_${what}`] ?? 0);
    },
    close: async () => {},
  };
}
