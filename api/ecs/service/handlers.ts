/** Service operations. */
import { NamespaceNotFoundException } from '@aws-sdk/client-ecs';
import type { EcsDeps } from '../deps.ts';
import type { EcsHandlers } from '../handlers.ts';
import { createService } from './create.ts';
import { deleteService } from './delete.ts';
import { describeServices, listServices } from './describe.ts';
import {
  continueServiceDeployment,
  describeServiceDeployments,
  describeServiceRevisions,
  listServiceDeployments,
  stopServiceDeployment,
} from './history.ts';
import { getTaskProtection, updateTaskProtection } from './protection.ts';
import {
  createTaskSet,
  deleteTaskSet,
  describeTaskSets,
  updateServicePrimaryTaskSet,
  updateTaskSet,
} from './task-set.ts';
import { updateService } from './update.ts';

export function serviceHandlers(deps: EcsDeps) {
  return {
    CreateService: (input, context) => createService(deps, input, context),
    UpdateService: (input, context) => updateService(deps, input, context),
    DeleteService: (input, context) => deleteService(deps, input, context),
    DescribeServices: (input, context) => describeServices(deps, input, context),
    ListServices: (input, context) => listServices(deps, input, context),
    // No namespace can exist here, so none can be listed by.
    ListServicesByNamespace: async () => {
      throw new NamespaceNotFoundException({ message: 'The specified namespace was not found.', $metadata: {} });
    },
    ListServiceDeployments: (input, context) => listServiceDeployments(deps, input, context),
    DescribeServiceDeployments: (input, context) => describeServiceDeployments(deps, input, context),
    DescribeServiceRevisions: (input, context) => describeServiceRevisions(deps, input, context),
    StopServiceDeployment: (input, context) => stopServiceDeployment(deps, input, context),
    ContinueServiceDeployment: (input, context) => continueServiceDeployment(deps, input, context),
    UpdateTaskProtection: (input, context) => updateTaskProtection(deps, input, context),
    GetTaskProtection: (input, context) => getTaskProtection(deps, input, context),
    CreateTaskSet: (input, context) => createTaskSet(deps, input, context),
    UpdateTaskSet: (input, context) => updateTaskSet(deps, input, context),
    DeleteTaskSet: (input, context) => deleteTaskSet(deps, input, context),
    DescribeTaskSets: (input, context) => describeTaskSets(deps, input, context),
    UpdateServicePrimaryTaskSet: (input, context) => updateServicePrimaryTaskSet(deps, input, context),
  } satisfies EcsHandlers;
}
