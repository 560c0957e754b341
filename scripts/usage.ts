/** `longshore usage`: the hour of samples that workers keep of a task, as a table or as they are. */
import { connectRedis } from '../core/redis.ts';
import { createStore } from '../core/store/index.ts';
import { createUsageStore, type TaskUsage } from '../core/store/usage-store.ts';
import type { Task } from '../core/task.ts';
import { type TaskRates, type UsageRates, usageRates } from '../core/usage-rates.ts';
import { figure, formatTable } from './bench/table.ts';
import { Failure } from './failure.ts';
import { noSuchTask, taskNamed } from './task-named.ts';

/** @throws Failure for what is no task, and for one of which nothing was sampled (yet, or any more) */
export async function usage(
  redisUrl: string,
  prefix: string,
  arn: string,
  { json }: { readonly json: boolean },
  print: (text: string) => void,
): Promise<void> {
  const named = taskNamed(arn);
  const redis = connectRedis(redisUrl, { patience: 3, name: 'longshore-usage' });
  redis.on('error', () => {}); // the command itself fails then
  try {
    const samples = await createUsageStore(redis, prefix).of(named);
    const [task] = await createStore(redis, { prefix, wake: () => {} }).tasks.get(named, [named.taskId]);
    if (!task && samples.length === 0) throw noSuchTask(named);
    if (samples.length === 0)
      throw new Failure(`Nothing is known of task ${named.taskId}: running tasks are sampled once a minute.`);
    if (json) for (const sample of samples) print(JSON.stringify(sample));
    else print(usageTable(named.taskId, task, samples));
  } finally {
    redis.disconnect();
  }
}

const mebibyte = 2 ** 20;
const kibibyte = 2 ** 10;

function usageTable(taskId: string, task: Task | undefined, samples: readonly TaskUsage[]): string {
  const limits = task ? ` (has ${task.spec.cpu} CPU units, ${task.spec.memory} MiB)` : '';
  return formatTable({
    title: `Task ${taskId}${limits}`,
    head: ['time', 'of', 'CPU units', 'memory MiB', 'read', 'written', 'received', 'sent'],
    rows: usageRates(samples).flatMap(rowsOf),
    notes: ['CPU, disk and network between a sample and the one before; disk and network in KiB a second.'],
  });
}

function rowsOf(rates: TaskRates): readonly (readonly string[])[] {
  const time = new Date(rates.at).toISOString().replace(/\.\d+Z$/, 'Z');
  const containers = Object.entries(rates.containers).map(([name, each]) => ['', name, ...cells(each), '', '']);
  return [[time, 'task', ...cells(rates), speed(rates.received), speed(rates.sent)], ...containers];
}

function cells({ cpu, memory, read, written }: UsageRates): readonly string[] {
  return [cpu === undefined ? '-' : figure(cpu), figure(memory / mebibyte), speed(read), speed(written)];
}

function speed(bytes: number | undefined): string {
  return bytes === undefined ? '-' : figure(bytes / kibibyte);
}
