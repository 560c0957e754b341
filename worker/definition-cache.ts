/** Task definitions that the worker read lately: a revision never changes what it runs. */
import { type Scope, scopeKey } from '../core/scope.ts';
import type { Store, TaskDefinitionName } from '../core/store/store.ts';
import type { TaskDefinition } from '../core/task-definition.ts';

const most = 500;

export function createDefinitionCache(
  store: Store,
): (scope: Scope, name: TaskDefinitionName) => Promise<TaskDefinition | undefined> {
  const known = new Map<string, TaskDefinition>();
  return async (scope, name) => {
    const key = `${scopeKey(scope)}:${name.family}:${name.revision}`;
    const cached = known.get(key);
    if (cached) return cached;
    const definition = await store.taskDefinitions.get(scope, name);
    if (!definition) return undefined;
    const oldest = known.keys().next();
    if (known.size >= most && !oldest.done) known.delete(oldest.value);
    known.set(key, definition);
    return definition;
  };
}
