/** Removes what an installation made for its machines on this host, whether or not a driver is open. */
import { join } from 'node:path';
import type { CleanReport } from '../driver.ts';
import type { Groups } from './groups.ts';
import { removeNetwork } from './network.ts';
import { killProcessesOf, machineName } from './processes.ts';
import { machineFolders, readRecord, removeFolder } from './record.ts';

export async function removeEverything(owner: string, folder: string, groups: Groups): Promise<CleanReport> {
  let [containers, volumes] = [0, 0];
  for (const address of await machineFolders(folder)) {
    const record = await readRecord(join(folder, address));
    containers += record?.sandbox ? 1 + Object.keys(record.containers).length : 0;
    volumes += record?.sandbox?.volumes.length ?? 0;
    await killProcessesOf(machineName(owner, address));
    await removeFolder(join(folder, address));
  }
  const cgroups = await groups.removeAll();
  const networks = (await removeNetwork(owner)) ? 1 : 0;
  return { containers, volumes, cgroups, networks };
}
