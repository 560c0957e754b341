/** What ECS says when no worker takes a task, and what Longshore adds to it. */
import type { Failure } from '@aws-sdk/client-ecs';
import { runtimeTag } from '../../../core/runtime-choice.ts';
import { capacityUnavailable } from '../../../core/service-plan/messages.ts';
import type { Lack } from '../../../core/store/store.ts';

/** Fargate never lacks these, so it has no words for them. */
const details: Readonly<Record<Lack, string>> = {
  workers: 'No Longshore worker is running.',
  architecture: "No Longshore worker has processors of the task definition's runtimePlatform.cpuArchitecture.",
  runtime: `No Longshore worker has the runtime that the cluster asks for (its tag ${runtimeTag}, else LONGSHORE_CLUSTER_RUNTIME).`,
};

/** RunTask's failure for one task. */
export function noCapacity(lacking: Lack | undefined): Failure {
  return { reason: capacityUnavailable, ...(lacking !== undefined && { detail: details[lacking] }) };
}

/** The same for the events of services, where a worker that restarts is no news. */
export function noCapacityReason(lacking: Lack | undefined): string {
  return lacking === undefined || lacking === 'workers'
    ? capacityUnavailable
    : `${capacityUnavailable}. ${details[lacking]}`;
}
