/** The operations of ECR, by name. */
import { accountSettingHandlers } from './account-setting.ts';
import { authorizationHandlers } from './authorization.ts';
import type { EcrDeps, EcrHandlers } from './deps.ts';
import { imageBatchHandlers } from './image-batch.ts';
import { imageListHandlers } from './image-list.ts';
import { repositoryHandlers } from './repository.ts';
import { tagHandlers } from './tag.ts';

export function ecrHandlers(deps: EcrDeps): EcrHandlers {
  return {
    ...accountSettingHandlers(deps),
    ...authorizationHandlers(deps),
    ...imageBatchHandlers(deps),
    ...imageListHandlers(deps),
    ...repositoryHandlers(deps),
    ...tagHandlers(deps),
  };
}
