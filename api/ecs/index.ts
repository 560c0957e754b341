/** All ECS operations that are built, by name. */
import { accountSettingHandlers } from './account-setting.ts';
import { capacityProviderHandlers } from './capacity-provider.ts';
import { clusterHandlers } from './cluster.ts';
import { containerInstanceHandlers } from './container-instance.ts';
import type { EcsDeps } from './deps.ts';
import type { EcsHandlers } from './handlers.ts';
import { serviceHandlers } from './service/handlers.ts';
import { tagHandlers } from './tag.ts';
import { taskHandlers } from './task.ts';
import { taskDefinitionHandlers } from './task-definition/handlers.ts';

export function ecsHandlers(deps: EcsDeps): EcsHandlers {
  return {
    ...clusterHandlers(deps),
    ...taskDefinitionHandlers(deps),
    ...taskHandlers(deps),
    ...serviceHandlers(deps),
    ...tagHandlers(deps),
    ...accountSettingHandlers(deps),
    ...capacityProviderHandlers(deps),
    ...containerInstanceHandlers(deps),
  };
}
