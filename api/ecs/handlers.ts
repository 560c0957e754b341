/** The type of a family's handlers. */
import type * as ecs from '@aws-sdk/client-ecs';
import type { HandlersOf } from '../operation.ts';

export type EcsHandlers = HandlersOf<typeof ecs>;
