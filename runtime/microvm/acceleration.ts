/**
 * Whether KVM works here. A device node, flags of the processor or an answer to an ioctl prove nothing: a host may offer
 * all of them and still not run a guest's kernel. So one is booted, and given up when it is not there in time.
 */
import { randomUUID } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Guest, prepareGuest } from './guest.ts';
import { isThere } from './is-there.ts';
import { openQemu } from './qemu.ts';
import { bootAndSave } from './snapshot.ts';

export type Acceleration = 'kvm' | 'tcg';

/** Milliseconds. A kernel that runs is there in a fraction of them. */
const PATIENCE = 10_000;

/** Tried once after each start of the host. */
export async function chooseAcceleration(guest: Guest): Promise<Acceleration> {
  if (!(await hasKvm())) return 'tcg';
  const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  const note = join(guest.folder, `acceleration-${boot}`);
  const known = await readFile(note, 'utf8').catch(() => '');
  if (known === 'kvm' || known === 'tcg') return known;
  const found = (await boots(guest)) ? 'kvm' : 'tcg';
  await writeFile(note, found);
  return found;
}

/** For who only asks. Builds the guest when there is none yet. */
export async function findAcceleration(cacheDir: string): Promise<Acceleration> {
  return await chooseAcceleration(await prepareGuest(cacheDir));
}

export async function hasKvm(): Promise<boolean> {
  return await isThere('/dev/kvm');
}

async function boots(guest: Guest): Promise<boolean> {
  const folder = join(guest.folder, '..', `.kvm-${randomUUID()}`);
  try {
    const vmm = await openQemu({ guest, acceleration: 'kvm' });
    await bootAndSave(vmm, { cpus: 1, memory: 256 }, { folder, patience: PATIENCE });
    return true;
  } catch {
    // However it failed: it does not work.
    return false;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
