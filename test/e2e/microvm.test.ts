/** The five minutes of the README on virtual machines, and what becomes of tasks when a machine or its worker goes. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bridgeOf } from '../../runtime/microvm/network.ts';
import { machineName, processesOf } from '../../runtime/microvm/processes.ts';
import { engineMissing } from '../runtime/images.ts';
import { machinesMissing } from '../runtime/machines.ts';
import { createEngineInstance, type EngineInstance } from '../support/engine-instance.ts';
import type { RoleProcess } from '../support/processes.ts';
import { idOf, register, run, stop, until, untilStopped } from '../support/tasks.ts';

const missing = (await engineMissing()) ?? machinesMissing();
/** Milliseconds: under emulation, on a host that is busy with other tests. */
const patience = 170_000;

describe.skipIf(missing !== undefined)(`tasks in virtual machines ${missing ?? ''}`, () => {
  let instance: EngineInstance;
  let worker: RoleProcess;
  beforeAll(async () => {
    instance = await createEngineInstance({ runtime: 'microvm' });
    worker = await instance.startWorker();
  }, 600_000);
  afterAll(async () => {
    await instance?.close();
    if (instance) expect(readdirSync('/sys/class/net')).not.toContain(bridgeOf(instance.installation));
  }, 120_000);

  /** The monitor's processes of a running task. */
  const machineOf = async (arn: string) => {
    const folder = join(instance.dataDir, 'runtime', 'machines');
    for (const address of readdirSync(folder)) {
      const record = JSON.parse(readFileSync(join(folder, address, 'record.json'), 'utf8'));
      if (record.sandbox?.id !== undefined && idOf(arn).includes(record.sandbox.id))
        return processesOf(machineName(instance.installation, address));
    }
    throw new Error(`${arn} has no machine`);
  };

  test('the tour: RUNNING with an address, then the exit code; stopped by hand', async () => {
    const ecs = instance.client();
    const shell = (script: string) => ({ image: instance.image, command: ['sh', '-c', script] });
    await register(ecs, 'hello', [shell('echo hello; sleep 2; exit 3')]);
    await register(ecs, 'long', [shell('trap "exit 0" TERM; sleep 1000 & wait')]);
    const [hello = '', long = ''] = [...(await run(ecs, 'hello')), ...(await run(ecs, 'long'))];
    const stopped = untilStopped(ecs, hello, patience);
    const [running] = await until(ecs, [long], 'RUNNING', patience);
    expect(running?.containers?.[0]?.networkInterfaces?.[0]?.privateIpv4Address).toMatch(/^10\.\d+\.\d+\.\d+$/);
    expect(await stopped).toMatchObject({
      stopCode: 'EssentialContainerExited',
      stoppedReason: 'Essential container in task exited',
      containers: [{ lastStatus: 'STOPPED', exitCode: 3 }],
    });
    await stop(ecs, long, 'seen enough');
    expect(await untilStopped(ecs, long, patience)).toMatchObject({
      stopCode: 'UserInitiated',
      stoppedReason: 'seen enough',
      containers: [{ exitCode: 0 }],
    });
    expect(await instance.leftInRuntime()).toEqual([]);
  });

  test('a worker that was killed takes running machines back; a machine that is killed is a stopped task', async () => {
    const ecs = instance.client();
    const waits = { image: instance.image, command: ['sh', '-c', 'trap "exit 7" TERM; sleep 1000 & wait'] };
    await register(ecs, 'kept', [waits]);
    const [kept = '', lost = ''] = [...(await run(ecs, 'kept')), ...(await run(ecs, 'kept'))];
    await until(ecs, [kept, lost], 'RUNNING', patience);
    const [before, doomed] = [await machineOf(kept), await machineOf(lost)];
    await worker.kill();
    worker = await instance.startWorker();
    expect(await machineOf(kept)).toEqual(before);

    for (const pid of doomed) process.kill(pid, 'SIGKILL');
    const ended = await untilStopped(ecs, lost, patience);
    expect(ended).toMatchObject({ stopCode: 'EssentialContainerExited', containers: [{ exitCode: 137 }] });
    expect(ended.containers?.[0]?.reason).toMatch(/virtual machine/);

    await stop(ecs, kept);
    expect(await untilStopped(ecs, kept, patience)).toMatchObject({ containers: [{ exitCode: 7 }] });
    expect(await instance.leftInRuntime()).toEqual([]);
  });
});
