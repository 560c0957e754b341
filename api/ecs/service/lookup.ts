/** The service that a request means. */
import { ServiceNotActiveException, ServiceNotFoundException } from '@aws-sdk/client-ecs';
import type { Scope } from '../../../core/scope.ts';
import type { StoredService } from '../../../core/store/store.ts';
import { findIdInCluster } from '../arn.ts';
import { activeCluster } from '../cluster-lookup.ts';
import type { EcsDeps } from '../deps.ts';

/**
 * @param identifier name or ARN
 * @throws ClusterNotFoundException, ServiceNotFoundException
 */
export async function findService(
  { store }: Pick<EcsDeps, 'store'>,
  scope: Scope,
  { cluster, service }: { readonly cluster?: string | undefined; readonly service: string | undefined },
): Promise<StoredService> {
  const { cluster: found } = await activeCluster(store, scope, cluster);
  const name = findIdInCluster(scope, found.name, 'service', service ?? '');
  const [stored] = name === undefined ? [] : await store.services.get(scope, found.name, [name]);
  if (!stored) throw serviceNotFound();
  return stored;
}

/** @throws ServiceNotActiveException in addition */
export async function findActiveService(
  deps: Pick<EcsDeps, 'store'>,
  scope: Scope,
  named: { readonly cluster?: string | undefined; readonly service: string | undefined },
): Promise<StoredService> {
  const stored = await findService(deps, scope, named);
  if (stored.service.status !== 'ACTIVE') throw serviceNotActive();
  return stored;
}

export function serviceNotFound(): ServiceNotFoundException {
  return new ServiceNotFoundException({ message: 'Service not found.', $metadata: {} });
}

export function serviceNotActive(): ServiceNotActiveException {
  return new ServiceNotActiveException({ message: 'Service was not ACTIVE.', $metadata: {} });
}
