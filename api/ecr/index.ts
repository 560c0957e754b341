/** The operations of ECR, by name. */
import { accountSettingHandlers } from './account-setting.ts';
import { authorizationHandlers } from './authorization.ts';
import type { EcrDeps, EcrHandlers } from './deps.ts';
import { imageBatchHandlers } from './image-batch.ts';
import { imageListHandlers } from './image-list.ts';
import { layerHandlers } from './layers.ts';
import { lifecycleHandlers } from './lifecycle.ts';
import { policyHandlers } from './policy.ts';
import { pullThroughHandlers } from './pull-through.ts';
import { pullTimeHandlers } from './pull-time.ts';
import { replicationHandlers } from './replication.ts';
import { repositoryHandlers } from './repository.ts';
import { scanningHandlers } from './scanning.ts';
import { storageClassHandlers } from './storage-class.ts';
import { tagHandlers } from './tag.ts';
import { templateHandlers } from './template.ts';

export function ecrHandlers(deps: EcrDeps): EcrHandlers {
  return {
    ...accountSettingHandlers(deps),
    ...authorizationHandlers(deps),
    ...imageBatchHandlers(deps),
    ...imageListHandlers(deps),
    ...repositoryHandlers(deps),
    ...layerHandlers(deps),
    ...lifecycleHandlers(deps),
    ...policyHandlers(deps),
    ...pullThroughHandlers(deps),
    ...pullTimeHandlers(deps),
    ...replicationHandlers(deps),
    ...scanningHandlers(deps),
    ...storageClassHandlers(deps),
    ...tagHandlers(deps),
    ...templateHandlers(deps),
  };
}
