/** Task operations. */
import type { EcsDeps } from './deps.ts';
import { executeCommand } from './execute-command/execute-command.ts';
import type { EcsHandlers } from './handlers.ts';
import { runTask } from './run-task/run-task.ts';
import { describeTasks } from './task-describe.ts';
import { listTasks } from './task-list.ts';
import { startTask } from './task-start.ts';
import { stopTask } from './task-stop.ts';

export function taskHandlers(deps: EcsDeps) {
  return {
    RunTask: (input, context) => runTask(deps, input, context),
    StartTask: (input, context) => startTask(deps, input, context),
    StopTask: (input, context) => stopTask(deps, input, context),
    DescribeTasks: (input, context) => describeTasks(deps, input, context),
    ExecuteCommand: (input, context) => executeCommand(deps, input, context),
    ListTasks: (input, context) => listTasks(deps, input, context),
  } satisfies EcsHandlers;
}
