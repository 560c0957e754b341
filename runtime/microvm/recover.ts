/** What an earlier process left: machines that run are taken back, the rest is told or removed. */
import { join } from 'node:path';
import type { RecoveredSandbox } from '../driver.ts';
import { containerState } from './container.ts';
import type { Context } from './context.ts';
import { endLeftOvers } from './exec.ts';
import { attachMachine, deadMachine, destroyMachine, type Machine, sandboxOf } from './machine.ts';
import { killProcessesOf, machineName, processesOf } from './processes.ts';
import { type MachineRecord, machineFolders, readRecord, writeRecord } from './record.ts';

export async function takeBack(context: Context): Promise<void> {
  const addresses = await machineFolders(context.folder);
  await Promise.all(
    addresses.map(async (address) => {
      const folder = join(context.folder, address);
      const record = await readRecord(folder);
      // One that nobody has taken is as good as a new one, and this process does not know how far it got.
      if (!record?.sandbox) return await destroyMachine(context, address);
      context.addresses.hold(address);
      const running = await attachMachine(context, folder, record);
      // One that cannot do that shows it soon, and must not keep the others from being taken back.
      await (running && endLeftOvers(running))?.catch((error: unknown) =>
        context.log.warn({ error, address }, 'processes of an earlier worker may be left in a virtual machine'),
      );
      context.machines.set(
        record.sandbox.id,
        running ?? deadMachine(context, folder, await recordEnd(context, folder, record)),
      );
    }),
  );
}

async function recordEnd({ owner }: Context, folder: string, record: MachineRecord): Promise<MachineRecord> {
  const name = machineName(owner, record.address);
  const runs = (await processesOf(name)).length > 0;
  await killProcessesOf(name);
  if (record.ended) return record;
  const reason = runs
    ? 'the virtual machine did not answer the worker that came back'
    : 'the virtual machine ended while no worker was there';
  const ended = { ...record, ended: { reason, at: Date.now() } };
  await writeRecord(folder, ended);
  return ended;
}

/** Group by address, of the machines that somebody has taken. */
export async function groupsIn(folder: string): Promise<ReadonlyMap<string, string | undefined>> {
  const records = await Promise.all((await machineFolders(folder)).map((name) => readRecord(join(folder, name))));
  return new Map(
    records.flatMap((record) => (record?.sandbox ? [[record.address, record.sandbox.group] as const] : [])),
  );
}

/** Without asking the machines: which there are. */
export async function listRecorded(folder: string): Promise<readonly RecoveredSandbox[]> {
  const records = await Promise.all((await machineFolders(folder)).map((name) => readRecord(join(folder, name))));
  return records.flatMap((record) =>
    record?.sandbox
      ? [{ id: record.sandbox.id, sandbox: undefined, labels: record.sandbox.labels, containers: [] }]
      : [],
  );
}

export async function recover(context: Context): Promise<readonly RecoveredSandbox[]> {
  return await Promise.all([...context.machines.values()].map(async (machine) => await tell(context, machine)));
}

async function tell(context: Context, machine: Machine): Promise<RecoveredSandbox> {
  const { sandbox, containers, ended } = machine.record;
  return {
    id: sandbox?.id ?? '',
    sandbox: ended ? undefined : sandboxOf(context, machine),
    labels: sandbox?.labels ?? {},
    containers: await Promise.all(Object.values(containers).map(async (each) => await containerState(machine, each))),
  };
}
