/** What tests with virtual machines share. */
import { join } from 'node:path';
import { packageRoot } from '../../core/package-root.ts';
import { missingForMachines } from '../../scripts/system-packages.ts';

/** Kept between runs: the kernel's package and a snapshot of each size. */
export const machineCache = join(packageRoot, 'node_modules', '.cache', 'longshore-microvm');

/** Why there can be no machines; undefined: there can. */
export function machinesMissing(): string | undefined {
  if (process.env.LONGSHORE_TEST_MACHINES === '0') return 'left out by LONGSHORE_TEST_MACHINES=0';
  if (process.arch !== 'x64') return 'virtual machines need an amd64 processor';
  if (process.geteuid?.() !== 0) return 'virtual machines need root';
  const missing = missingForMachines();
  return missing && `not installed: ${missing.packages.join(', ')}`;
}
