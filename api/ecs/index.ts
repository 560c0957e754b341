/** All ECS operations that are built, by name. */
import type * as ecs from '@aws-sdk/client-ecs';
import type { HandlersOf } from '../operation.ts';
import type { EcsDeps } from './deps.ts';

export function ecsHandlers(_deps: EcsDeps): HandlersOf<typeof ecs> {
  return {};
}
