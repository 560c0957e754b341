/** DeleteService: the service drains, and is INACTIVE once all its tasks are on their way out. */
import type { DeleteServiceRequest, DeleteServiceResponse } from '@aws-sdk/client-ecs';
import { serviceKey } from '../../../core/service/service.ts';
import type { RequestContext } from '../../operation.ts';
import type { EcsDeps } from '../deps.ts';
import { invalidParameter } from '../errors.ts';
import { findService, serviceNotFound } from './lookup.ts';
import { serviceView } from './view.ts';

export async function deleteService(
  deps: EcsDeps,
  input: DeleteServiceRequest,
  { caller }: RequestContext,
): Promise<DeleteServiceResponse> {
  const found = await findService(deps, caller, input);
  const changed = await deps.store.services.change(found.service, (service) => {
    if (service.status === 'INACTIVE') throw serviceNotFound();
    if (service.status === 'DRAINING') return undefined;
    const hasTaskSets = service.controller === 'EXTERNAL' && service.deployments.length > 0;
    if (!input.force && (service.desiredCount > 0 || hasTaskSets))
      throw invalidParameter('The service cannot be stopped while it is scaled above 0.');
    const { steadySince: _, ...rest } = service;
    return { service: { ...rest, status: 'DRAINING', desiredCount: 0 }, waitsSince: null };
  });
  if (!changed) throw serviceNotFound();
  const key = serviceKey(changed.service);
  deps.wakeService?.(key);
  const events = await deps.store.services.events(key);
  return { service: serviceView(changed, { events, tags: true }) };
}
