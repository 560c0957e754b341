import { expect, onTestFinished, test } from 'vitest';
import { installationId, readInstallationId } from '../../scripts/instance.ts';
import { compiled } from '../support/compiled.ts';
import { runScript } from '../support/node-script.ts';
import { temporaryDirectory } from '../support/temporary.ts';

test('processes that make the installation id at once agree on it, and it stays', async () => {
  const dataDir = await temporaryDirectory();
  expect(readInstallationId(dataDir)).toBeUndefined();
  const module = await compiled('scripts/instance.js');
  const scripts = Array.from({ length: 6 }, () =>
    runScript(`
      import { installationId } from ${JSON.stringify(module)};
      console.log(installationId(${JSON.stringify(dataDir)}));
    `),
  );
  for (const script of scripts) onTestFinished(script.kill);
  const ids = await Promise.all(scripts.map((script) => script.nextLine()));
  expect(new Set(ids)).toEqual(new Set([installationId(dataDir)]));
  expect(ids[0]).toMatch(/^[0-9a-f]{8}$/);
});
