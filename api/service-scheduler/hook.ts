/** Calls the target of a deployment's lifecycle hook, and records its answer. */
import { clusterArn, ecsArn, serviceArn } from '../../core/arn.ts';
import { readAtMost } from '../../core/response-body.ts';
import { type HookRun, parseServiceKey, type Service, type ServiceKey } from '../../core/service/service.ts';
import type { SchedulerDeps } from './deps.ts';

/** A target may take as long as a Lambda function may run. */
const patience = 15 * 60_000;
/** Bytes: what a Lambda function may answer. */
const longestAnswer = 6 * 2 ** 20;
const defaultDelay = 30_000;
const longestDelay = 24 * 3600_000;

export async function callHook(deps: SchedulerDeps, key: ServiceKey, id: string): Promise<void> {
  const name = parseServiceKey(key);
  const [stored] = await deps.store.services.get(name, name.clusterName, [name.name]);
  const run = stored?.service.serviceDeployment?.hooks.find((each) => each.id === id);
  if (!stored || !run || !isOpen(run)) return;
  const answer = await ask(deps, stored.service, run);
  await deps.store.services.change(name, (service) => {
    const history = service.serviceDeployment;
    if (!history?.hooks.some((each) => each.id === id && isOpen(each))) return undefined;
    const hooks = history.hooks.map((each) => (each.id === id ? { ...each, ...answer } : each));
    return { service: { ...service, serviceDeployment: { ...history, updatedAt: deps.clock(), hooks } } };
  });
  deps.queue.wake(key);
}

function isOpen({ status, targetType }: HookRun): boolean {
  return targetType === 'AWS_LAMBDA' && status === 'IN_PROGRESS';
}

type Answer = Pick<HookRun, 'status'> & Partial<Pick<HookRun, 'callAt' | 'reason' | 'hookDetails'>>;

async function ask({ lambdaEndpoint, clock, log }: SchedulerDeps, service: Service, run: HookRun): Promise<Answer> {
  const target = run.target ?? '';
  const failed = (why: string): Answer => ({
    status: 'FAILED',
    reason: `ECS was unable to parse the response from ${target} due to: ${why}.`,
  });
  const address = addressOf(target, lambdaEndpoint);
  if (address === undefined) return failed('there is nowhere to invoke it');
  try {
    const response = await fetch(address, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(eventOf(service, run)),
      signal: AbortSignal.timeout(patience),
    });
    const text = (await readAtMost(response, longestAnswer, patience)).toString('utf8');
    if (!response.ok || response.headers.has('x-amz-function-error')) return failed(`status ${response.status}`);
    return read(JSON.parse(text), run, clock(), failed);
  } catch (error) {
    log.info({ err: error, target }, 'a lifecycle hook could not be called');
    return failed(error instanceof Error ? error.message : 'an error');
  }
}

function read(answer: unknown, { target }: HookRun, now: number, failed: (why: string) => Answer): Answer {
  const { hookStatus, callBackDelay, hookDetails } = (answer ?? {}) as Readonly<Record<string, unknown>>;
  if (hookStatus === undefined || hookStatus === null) return failed('HookStatus must not be null');
  const details = hookDetails !== undefined && { hookDetails };
  if (hookStatus === 'SUCCEEDED') return { status: 'SUCCEEDED', ...details };
  if (hookStatus === 'FAILED')
    return { status: 'FAILED', reason: `Lifecycle hook target ${target} returned FAILED status.`, ...details };
  if (hookStatus !== 'IN_PROGRESS') return failed(`unknown HookStatus ${String(hookStatus)}`);
  const delay = typeof callBackDelay === 'number' && callBackDelay >= 0 ? callBackDelay * 1000 : defaultDelay;
  return { status: 'IN_PROGRESS', callAt: now + Math.min(delay, longestDelay), ...details };
}

/** undefined: a function, and nothing is known that invokes functions. */
export function addressOf(target: string, lambdaEndpoint: string | undefined): string | undefined {
  if (/^https?:\/\//.test(target)) return target;
  const name = /^arn:[^:]+:lambda:[^:]+:\d{12}:function:(.+)$/.exec(target)?.[1];
  if (name === undefined || lambdaEndpoint === undefined) return undefined;
  const [functionName = '', qualifier] = name.split(':');
  const base = lambdaEndpoint.replace(/\/$/, '');
  const query = qualifier === undefined ? '' : `?Qualifier=${encodeURIComponent(qualifier)}`;
  return `${base}/2015-03-31/functions/${encodeURIComponent(functionName)}/invocations${query}`;
}

/** (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-lifecycle-hooks.html) */
function eventOf(service: Service, run: HookRun): unknown {
  const history = service.serviceDeployment;
  const revisionArn = (id: string) => ecsArn(service, 'service-revision', service.clusterName, service.name, id);
  const target = revisionArn(history?.target.revisionId ?? '');
  const source = history?.sources[0];
  const weights = (weight: number) => ({
    [target]: weight,
    ...(source && { [revisionArn(source.revisionId)]: 100 - weight }),
  });
  return {
    executionDetails: {
      testTrafficWeights: weights(history?.testWeight ?? 0),
      productionTrafficWeights: weights(history?.productionWeight ?? 0),
      serviceArn: serviceArn(service, service.clusterName, service.name),
      clusterArn: clusterArn(service, service.clusterName),
      targetServiceRevisionArn: target,
    },
    executionId: run.id,
    lifecycleStage: history?.stage,
    resourceArn: ecsArn(service, 'service-deployment', service.clusterName, service.name, history?.id ?? ''),
    ...(run.hookDetails !== undefined && { hookDetails: run.hookDetails }),
  };
}
