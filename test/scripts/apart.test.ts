/** API and worker as processes of their own, without a supervisor, in one data directory. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runLongshore } from '../support/longshore.ts';
import { createInstance, type Instance, type RoleProcess } from '../support/processes.ts';
import { createDefaultCluster, idOf, register, run, until } from '../support/tasks.ts';

let instance: Instance;
let api: RoleProcess;
let worker: RoleProcess;
let arn: string;
beforeAll(async () => {
  instance = await createInstance({ runtime: 'fake' });
  [api, worker] = await Promise.all([instance.startApi(), instance.startWorker()]);
  const ecs = instance.client();
  await createDefaultCluster(ecs);
  await register(ecs, 'runs', [{}]);
  [arn = ''] = await run(ecs, 'runs');
  await until(ecs, [arn], 'RUNNING');
});
afterAll(async () => await instance?.close());

const clean = async () => await runLongshore('clean', '--data-dir', instance.dataDir, '--runtime', 'fake');

test('an API says where it is, and `env` finds it', async () => {
  expect(api.output()).toContain(`api is ready at ${instance.endpoint} in region us-east-1`);
  const { stdout } = await runLongshore('env', '--data-dir', instance.dataDir);
  expect(stdout).toContain(`export AWS_ENDPOINT_URL=${instance.endpoint}\n`);
});

test('a worker of another name is refused beside the first', async () => {
  await expect(instance.startWorker({ LONGSHORE_WORKER_NAME: 'other' })).rejects.toThrow(
    new RegExp(`Worker ${instance.workerName} \\(process ${worker.pid}\\) uses the data directory .* already: give `),
  );
});

test('`clean` is refused while a worker runs', async () => {
  expect(await clean()).toMatchObject({ code: 1, stderr: expect.stringMatching(/still uses .*: stop it first/) });
  expect(await instance.leftInRuntime()).toEqual([idOf(arn)]);
});

test('a worker of another name does not remove what an earlier one left running', async () => {
  await worker.stop();
  await expect(instance.startWorker({ LONGSHORE_WORKER_NAME: 'other' })).rejects.toThrow(
    `still holds 1 task of worker ${instance.workerName}`,
  );
  worker = await instance.startWorker();
  await until(instance.client(), [arn], 'RUNNING');
});

test('a Redis that has lost its data does not cost running tasks; `clean` tells that they may go', async () => {
  await instance.redis.flushall();
  expect(await worker.ended).not.toBe(0);
  await expect(instance.startWorker()).rejects.toThrow(/still holds 1 task that this Redis knows nothing of/);
  expect(await instance.leftInRuntime()).toEqual([idOf(arn)]);

  await api.stop();
  expect(await clean()).toMatchObject({ code: 0 });
  expect(await instance.leftInRuntime()).toEqual([]);
  [api, worker] = await Promise.all([instance.startApi(), instance.startWorker()]);
});
