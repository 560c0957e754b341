/** What programs in real containers find around them: metadata, credentials, the API; and what they do not get. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { engineMissing } from '../runtime/images.ts';
import { createEngineInstance, type EngineInstance } from '../support/engine-instance.ts';
import { nothingLeft } from '../support/leftovers.ts';
import type { RoleProcess } from '../support/processes.ts';
import { idOf, register, run, stop, until, untilStopped } from '../support/tasks.ts';
import { inContainer, pidOf } from './support.ts';

const missing = await engineMissing();
const role = 'arn:aws:iam::000000000000:role/service/web';

describe.skipIf(missing !== undefined)(`the metadata endpoint ${missing ?? ''}`, () => {
  let instance: EngineInstance;
  let worker: RoleProcess;
  let web: string;
  let other: string;

  beforeAll(async () => {
    instance = await createEngineInstance({ settings: { LONGSHORE_WARM_POOL: '1' } });
    worker = await instance.startWorker();
    const ecs = instance.client();
    const waits = { image: instance.image, command: ['sh', '-c', 'trap "exit 0" TERM; sleep 1000 & wait'] };
    await register(ecs, 'web', [{ ...waits, cpu: 64, memory: 128, dockerLabels: { color: 'red' } }, waits], {
      taskRoleArn: role,
    });
    await register(ecs, 'other', [
      { ...waits, environment: { AWS_ENDPOINT_URL: 'http://my.own', AWS_REGION: 'eu-west-1' } },
    ]);
    const arns = [...(await run(ecs, 'web', { tags: [{ key: 'team', value: 'a' }] })), ...(await run(ecs, 'other'))];
    await until(ecs, arns, 'RUNNING');
    [web = '', other = ''] = arns;
  });
  afterAll(async () => {
    if (!instance) return;
    const ecs = instance.client();
    for (const arn of [web, other].filter(Boolean)) await stop(ecs, arn);
    for (const arn of [web, other].filter(Boolean)) await untilStopped(ecs, arn);
    await nothingLeft(instance).finally(instance.close);
  });

  const shell = async (arn: string, script: string, name = 'app') =>
    (await inContainer(instance, idOf(arn), name, script)).trim();
  const get = async (arn: string, path: string) => JSON.parse(await shell(arn, `wget -qO- "${path}"`));
  const refused = async (arn: string, path: string) => await shell(arn, `wget -qO- "${path}" 2>&1; true`);

  test('environment', async () => {
    const environment = await shell(web, 'env');
    expect(environment).toMatch(/^AWS_EXECUTION_ENV=AWS_ECS_FARGATE$/m);
    expect(environment).toMatch(/^AWS_REGION=us-east-1$/m);
    expect(environment).toMatch(new RegExp(`^ECS_AGENT_URI=http://169.254.170.2/api/${idOf(web)}-\\d+$`, 'm'));
    expect(environment).toMatch(/^AWS_ENDPOINT_URL=http:\/\/10\.\d+\.\d+\.1:\d+$/m);
    expect(environment).toMatch(/^AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=\/v2\/credentials\/[0-9a-f-]{36}$/m);
    const own = await shell(other, 'env');
    expect(own).toMatch(/^AWS_ENDPOINT_URL=http:\/\/my\.own$/m);
    expect(own).toMatch(/^AWS_REGION=eu-west-1$/m);
    expect(own).not.toContain('AWS_DEFAULT_REGION');
    expect(own).not.toContain('AWS_CONTAINER_CREDENTIALS');
  });

  test('a container and its task, as version 4 and 3 tell of them', async () => {
    const container = await get(web, '$ECS_CONTAINER_METADATA_URI_V4');
    expect(container).toMatchObject({
      DockerId: expect.stringMatching(new RegExp(`^${idOf(web)}-\\d+$`)),
      Name: 'app',
      DockerName: 'app',
      Image: instance.image,
      ImageID: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
      DesiredStatus: 'RUNNING',
      KnownStatus: 'RUNNING',
      Limits: { CPU: 64, Memory: 128 },
      Type: 'NORMAL',
      Labels: { color: 'red', 'com.amazonaws.ecs.task-arn': web, 'com.amazonaws.ecs.container-name': 'app' },
      ContainerARN: expect.stringContaining(`:container/default/${idOf(web)}/`),
    });
    const address = await shell(web, "ip -4 -o addr show eth0 | tr -s ' ' | cut -d ' ' -f 4 | cut -d / -f 1");
    expect(container.Networks[0]).toMatchObject({
      NetworkMode: 'awsvpc',
      IPv4Addresses: [address],
      AttachmentIndex: 0,
    });
    await shell(web, 'head -c 3145728 /dev/zero > /tmp/three');
    const task = await get(web, '$ECS_CONTAINER_METADATA_URI_V4/task');
    expect(task.EphemeralStorageMetrics.Utilized).toBeGreaterThanOrEqual(3);
    expect(task).toMatchObject({
      EphemeralStorageMetrics: { Reserved: 20_480 },
      Cluster: 'arn:aws:ecs:us-east-1:000000000000:cluster/default',
      TaskARN: web,
      Family: 'web',
      Revision: '1',
      KnownStatus: 'RUNNING',
      Limits: { CPU: 0.25, Memory: 512 },
      LaunchType: 'FARGATE',
    });
    expect(task.Containers.map(({ Name }: { Name: string }) => Name)).toEqual(['app', 'side1']);
    expect((await get(web, '$ECS_CONTAINER_METADATA_URI_V4/taskWithTags')).TaskTags).toEqual({ team: 'a' });
    const old = await get(web, '$ECS_CONTAINER_METADATA_URI');
    expect(old).toMatchObject({ Name: 'app', Networks: [{ NetworkMode: 'awsvpc', IPv4Addresses: [address] }] });
    expect(old.ContainerARN).toBeUndefined();
  });

  test('what containers use', async () => {
    const stats = await get(web, '$ECS_CONTAINER_METADATA_URI_V4/stats');
    expect(stats.cpu_stats.cpu_usage.total_usage).toBeGreaterThan(0);
    expect(stats.memory_stats.usage).toBeGreaterThan(0);
    expect(stats.networks.eth1.rx_bytes).toBeGreaterThan(0);
    const all = await get(web, '$ECS_CONTAINER_METADATA_URI_V4/task/stats');
    expect(Object.keys(all)).toHaveLength(2);
    expect(Object.keys(all)[0]).toBe(stats.id);
    // Its own limit, and where it has none its task's: never what the host has.
    const limits = Object.values(all).map((each) => (each as typeof stats).memory_stats.limit / 2 ** 20);
    expect(limits).toEqual([128, 512]);
  });

  test('no task reads another’s, nor does anybody without a task', async () => {
    const theirs = await shell(web, 'echo $ECS_CONTAINER_METADATA_URI_V4');
    const credentials = await shell(web, 'echo $AWS_CONTAINER_CREDENTIALS_RELATIVE_URI');
    for (const path of ['', '/task', '/taskWithTags', '/stats', '/task/stats'])
      expect(await refused(other, theirs + path)).toContain('404 Not Found');
    expect(await refused(other, `http://169.254.170.2${credentials}`)).toContain('400 Bad Request');
    expect(await refused(other, 'http://169.254.170.2/v2/credentials/')).toContain('400 Bad Request');
    expect(await refused(other, 'http://169.254.170.2/latest/meta-data/')).toContain('404 Not Found');
    expect(await refused(other, 'http://169.254.169.254/latest/meta-data/')).not.toContain('404');
  });

  test('an address that a task gives itself leads nowhere', async () => {
    const address = await shell(web, "ip -4 -o addr show eth0 | tr -s ' ' | cut -d ' ' -f 4 | cut -d / -f 1");
    const path = await shell(web, 'echo $ECS_CONTAINER_METADATA_URI_V4/task');
    const net = `--net=/proc/${await pidOf(instance, idOf(other), 'app')}/ns/net`;
    const inOther = async (...words: readonly string[]) =>
      (await promisify(execFile)('nsenter', [net, ...words])).stdout.trim();
    const ask = `
      const options = { localAddress: process.argv[1], timeout: 2000 };
      const request = require('node:http').get(process.argv[2], options, ({ statusCode }) => end(statusCode));
      const end = (answer) => { console.log(answer); process.exit(); };
      request.on('timeout', () => end('silence')).on('error', ({ code }) => end(code));`;
    await inOther('ip', 'address', 'add', `${address}/32`, 'dev', 'eth0');
    try {
      expect(await inOther(process.execPath, '--eval', ask, address, path)).toMatch(/^(silence|E[A-Z]+)$/);
    } finally {
      await inOther('ip', 'address', 'del', `${address}/32`, 'dev', 'eth0');
    }
    // The same request from its own address is answered: with nothing.
    expect(await inOther(process.execPath, '--eval', ask, '', path)).toBe('404');
  });

  test('an unmodified SDK finds region, endpoint and credentials by itself', async () => {
    const environment = (await shell(web, 'env')).split('\n').filter((line) => line.startsWith('AWS_'));
    const program = `
      import { STSClient, GetCallerIdentityCommand } from '@aws-sdk/client-sts';
      import { ECSClient, ListTasksCommand } from '@aws-sdk/client-ecs';
      const { Arn } = await new STSClient({}).send(new GetCallerIdentityCommand({}));
      const { taskArns } = await new ECSClient({}).send(new ListTasksCommand({ family: 'web' }));
      console.log(JSON.stringify({ Arn, taskArns }));`;
    const net = `--net=/proc/${await pidOf(instance, idOf(web), 'app')}/ns/net`;
    const node = [process.execPath, '--no-warnings', '--input-type=module', '--eval', program];
    const { stdout } = await promisify(execFile)('nsenter', [net, 'env', '-i', ...environment, ...node]);
    expect(JSON.parse(stdout)).toEqual({
      Arn: `arn:aws:sts::000000000000:assumed-role/web/${idOf(web)}`,
      taskArns: [web],
    });
  });

  test('the agent’s API for protection', async () => {
    const put = async (arn: string, body: string) => {
      const lines = ['Host: agent', `Content-Length: ${body.length}`, 'Connection: close', '', body];
      const path = `\${ECS_AGENT_URI#http://169.254.170.2}/task-protection/v1/state`;
      const head = `PUT ${path} HTTP/1.1\\r\\n${lines.join('\\r\\n').replaceAll('"', '\\"')}`;
      const answer = await shell(arn, `printf "${head}" | nc -w 30 169.254.170.2 80`);
      return [Number(answer.split(' ')[1]), JSON.parse(answer.slice(answer.indexOf('{')))] as const;
    };
    expect(await put(web, '{')).toEqual([
      400,
      { error: { Code: 'InvalidParameterException', Message: 'UpdateTaskProtection: failed to decode request' } },
    ]);
    expect(await put(web, '{}')).toEqual([
      400,
      {
        error: {
          Arn: web,
          Code: 'InvalidParameterException',
          Message: "Invalid request: does not contain 'ProtectionEnabled' field",
        },
      },
    ]);
    expect(await put(other, '{"ProtectionEnabled":true}')).toEqual([
      403,
      {
        error: {
          Arn: other,
          Code: 'AccessDeniedException',
          Message: 'Invalid Request: no task IAM role credentials available for task',
        },
      },
    ]);
    // Whatever ECS says of a task of no service, it says it about this task.
    const [, answer] = await put(web, '{"ProtectionEnabled":true}');
    expect((answer.failure ?? answer.error).Arn).toBe(web);
  });

  test('a worker that comes back knows its tasks', async () => {
    const id = await shell(web, 'echo $AWS_CONTAINER_CREDENTIALS_RELATIVE_URI');
    await worker.kill();
    expect(await refused(web, `http://169.254.170.2${id}`)).toContain('refused');
    worker = await instance.startWorker();
    expect((await get(web, `http://169.254.170.2${id}`)).RoleArn).toBe(role);
  });
});
