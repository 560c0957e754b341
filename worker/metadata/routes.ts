/** The metadata endpoint's paths, and what the ECS agent answers to those that lead nowhere (ecs-agent/tmds). */
import type { Task, TaskContainerSpec } from '../../core/task.ts';
import type { ContainerStats } from '../../runtime/driver.ts';
import type { RoleCredentials } from '../task-role.ts';
import { type Answer, json, text } from './answer.ts';
import { describeContainer, describeTask, type Subject } from './describe.ts';
import { dockerStats, networkRate } from './docker-stats.ts';

export interface MetadataRequest {
  readonly method: string;
  /** Path as sent, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: string;
}

/** The task that a request comes from; undefined as a whole: from somewhere else. */
export interface Asker {
  /** @param fresh with what is wanted read anew; `storage` with what it uses of its disk */
  subject(options?: { readonly fresh?: boolean; readonly storage?: boolean }): Promise<Subject>;
  /** undefined: the task has no role, or this is not the id of its credentials. */
  role(credentialsId: string): Promise<RoleCredentials | undefined>;
  /** Notes what went wrong: the answer does not tell. */
  failed(error: unknown, what: string): void;
  /** undefined: it does not run. */
  stats(container: string): Promise<Readings | undefined>;
  /** @param body of a PUT; undefined: a GET */
  protection(body: string | undefined): Promise<Answer>;
}

export interface Readings {
  readonly now: ContainerStats;
  readonly earlier: ContainerStats | undefined;
}

type Asked = 'container' | 'task' | 'taskWithTags' | 'stats' | 'task/stats';

export async function answerMetadata(request: MetadataRequest, asker: Asker | undefined): Promise<Answer> {
  const { path } = request;
  const clean = path.replace(/\/{2,}/g, '/');
  if (clean !== path) return { ...text(301, ''), headers: { location: clean } };
  const [, version, id = '', what = 'container'] =
    /^\/(v3|v4)\/([^/]*)(?:\/(task|taskWithTags|stats|task\/stats))?$/.exec(path) ?? [];
  if (version === 'v3' || version === 'v4') return await metadata(version, id, what as Asked, asker);
  if (/^\/v2\/(metadata|stats)(\/|$)/.test(path)) return await byAddress(path, asker);
  if (path === '/v1/credentials') return await credentials(request.query.get('id') ?? '', 1, asker);
  const [, credentialsId] = /^\/v2\/credentials\/(.*)$/.exec(path) ?? [];
  if (credentialsId !== undefined) return await credentials(credentialsId, 2, asker);
  const [, apiId = '', area] = /^\/api\/([^/]*)\/(task-protection\/v1\/state|fault\/v1\/.+)$/.exec(path) ?? [];
  if (area !== undefined) return await agentApi(request, apiId, area, asker);
  return notFound;
}

/** As Go's own server says it. */
const notFound = text(404, '404 page not found\n');

async function metadata(version: 'v3' | 'v4', id: string, asked: Asked, asker: Asker | undefined): Promise<Answer> {
  const subject = await asker?.subject({
    fresh: asked === 'taskWithTags',
    storage: version === 'v4' && (asked === 'task' || asked === 'taskWithTags'),
  });
  const container = subject && containerOf(subject.task, id);
  if (!asker || !subject || !container) return unknown(version, id, asked);
  switch (asked) {
    case 'container':
      return json(200, describeContainer(subject, container, version));
    case 'task':
      return json(200, describeTask(subject, version));
    case 'taskWithTags': {
      const tags = subject.task.wanted.tags.map(({ key = '', value = '' }) => [key, value]);
      return json(200, {
        ...describeTask(subject, version),
        ...(tags.length > 0 && { TaskTags: Object.fromEntries(tags) }),
      });
    }
    case 'stats': {
      const stats = await statsOf(asker, container, version);
      return stats ? json(200, stats) : json(500, `Unable to get container stats for: ${id}`);
    }
    case 'task/stats':
      return json(200, await taskStats(asker, subject.task, version));
  }
}

function containerOf(task: Task, id: string): TaskContainerSpec | undefined {
  return task.spec.containers.find(({ runtimeId }) => runtimeId === id);
}

async function taskStats(asker: Asker, task: Task, version: 'v2' | 'v3' | 'v4'): Promise<object> {
  const all = task.spec.containers.map(async (container) => {
    return [container.runtimeId, await statsOf(asker, container, version)] as const;
  });
  return Object.fromEntries((await Promise.all(all)).map(([id, stats]) => [id, stats ?? null]));
}

async function statsOf(
  asker: Asker,
  container: TaskContainerSpec,
  version: 'v2' | 'v3' | 'v4',
): Promise<object | undefined> {
  const readings = await asker.stats(container.name);
  if (!readings) return undefined;
  const rate = version === 'v4' ? networkRate(readings.now, readings.earlier) : undefined;
  return { ...dockerStats(container, readings.now, readings.earlier), ...(rate && { network_rate_stats: rate }) };
}

/** Version 4 knows that something is not there; version 3 calls it an error of its own or a bad request. */
function unknown(version: 'v3' | 'v4', id: string, asked: Asked): Answer {
  const wholeTask = asked !== 'container';
  const request = wholeTask ? 'unable to get task arn from request' : 'unable to get container ID from request';
  const lookUp = wholeTask
    ? `unable to get task Arn from v3 endpoint ID: ${id}`
    : `unable to get docker ID from v3 endpoint ID: ${id}`;
  const subject = {
    container: 'container metadata',
    task: 'task metadata',
    taskWithTags: 'task metadata',
    stats: 'container stats',
    'task/stats': 'task stats',
  }[asked];
  const status = version === 'v4' ? 404 : subject.endsWith('stats') ? 400 : 500;
  return json(status, `${version.toUpperCase()} ${subject} handler: ${request}: ${lookUp}`);
}

/** Version 2: whoever asks is told of itself. */
async function byAddress(path: string, asker: Asker | undefined): Promise<Answer> {
  const [, , kind = '', id = ''] = path.split('/');
  const subject = await asker?.subject();
  if (!asker || !subject)
    return json(400, 'Unable to get task arn from request: unable to associate the address with a task');
  if (path.split('/').length > 4) return notFound;
  const container = containerOf(subject.task, id);
  if (kind === 'metadata') {
    if (id === '') return json(200, describeTask(subject, 'v3'));
    return container
      ? json(200, describeContainer(subject, container, 'v3'))
      : json(400, `Unable to generate metadata for container '${id}'`);
  }
  if (id === '') return json(200, await taskStats(asker, subject.task, 'v2'));
  const stats = container && (await statsOf(asker, container, 'v2'));
  return stats ? json(200, stats) : json(400, `Unable to get container stats for: ${id}`);
}

async function credentials(id: string, version: 1 | 2, asker: Asker | undefined): Promise<Answer> {
  const refuse = (code: string, message: string) =>
    json(400, { code, message: `CredentialsV${version}Request: ${message}`, HTTPErrorCode: 400 });
  if (id === '') return refuse('NoIdInRequest', 'No Credential ID in the request');
  let role: RoleCredentials | undefined;
  try {
    role = await asker?.role(id);
  } catch (error) {
    asker?.failed(error, 'the role of a task could not be assumed');
    return json(500, { code: 'InternalServerError', message: 'Internal server error', HTTPErrorCode: 500 });
  }
  if (!role) return refuse('InvalidIdInRequest', 'Credentials not found');
  const { roleArn, accessKeyId, secretAccessKey, sessionToken, expiresAt } = role;
  return json(200, {
    RoleArn: roleArn,
    AccessKeyId: accessKeyId,
    SecretAccessKey: secretAccessKey,
    Token: sessionToken,
    Expiration: new Date(Math.floor(expiresAt / 1000) * 1000).toISOString().replace('.000Z', 'Z'),
  });
}

async function agentApi(
  { method, body }: MetadataRequest,
  id: string,
  area: string,
  asker: Asker | undefined,
): Promise<Answer> {
  const isFault = area.startsWith('fault/');
  const allowed = isFault ? ['POST'] : ['GET', 'PUT'];
  if (!allowed.includes(method)) return text(405, '');
  const subject = await asker?.subject();
  const found = asker && subject && containerOf(subject.task, id) !== undefined;
  if (isFault)
    return found
      ? json(400, { Error: `enableFaultInjection is not enabled for task: ${subject.task.spec.taskId}` })
      : json(404, { Error: `unable to lookup container: ${id}` });
  if (!found)
    return json(404, {
      error: { Code: 'ResourceNotFoundException', Message: 'Failed to find a task for the request' },
    });
  return await asker.protection(method === 'PUT' ? body : undefined);
}
