/** Sandboxes that the engine connects to its network: works with any engine, and is slow. */
import { macAddressOf } from '../addresses.ts';
import { DriverError } from '../driver.ts';
import type { Names } from './names.ts';
import type { SandboxNetwork } from './sandbox-network.ts';

export function engineNetwork(names: Names, slow: string): SandboxNetwork {
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
    close: async () => {},
  };
}
