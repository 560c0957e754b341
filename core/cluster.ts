/** A cluster as stored: ECS's own words, times in milliseconds. */
import type {
  CapacityProviderStrategyItem,
  ClusterConfiguration,
  ClusterServiceConnectDefaults,
  ClusterSetting,
  Tag,
} from '@aws-sdk/client-ecs';

export interface Cluster {
  readonly name: string;
  readonly status: 'ACTIVE' | 'INACTIVE';
  readonly settings: readonly ClusterSetting[];
  readonly configuration?: ClusterConfiguration;
  readonly capacityProviders: readonly string[];
  readonly defaultCapacityProviderStrategy: readonly CapacityProviderStrategyItem[];
  readonly serviceConnectDefaults?: ClusterServiceConnectDefaults;
  readonly tags: readonly Tag[];
}

/** Kept by the store as tasks and services come and go; never computed by counting. */
export interface ClusterCounts {
  /** Tasks whose lastStatus is RUNNING. */
  readonly running: number;
  /** Tasks whose lastStatus is PROVISIONING, PENDING or ACTIVATING. */
  readonly pending: number;
  /** Tasks that are not yet STOPPED, whatever they are doing. */
  readonly live: number;
  /** ACTIVE services. */
  readonly services: number;
  /** Services that were deleted and whose tasks are not all gone. */
  readonly draining: number;
}
