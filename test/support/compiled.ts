/** The compiled sources, for tests that start processes of their own. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../../core/package-root.ts';
import { prepareBuild } from '../../scripts/checkout.mjs';

/** Address of a compiled module, for example `scripts/lock.js`; compiles first when the sources are newer. */
export async function compiled(module: string): Promise<string> {
  await prepareBuild(packageRoot, () => {});
  return pathToFileURL(join(packageRoot, 'dist', module)).href;
}
