import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { LockHeldError, takeLock } from '../../scripts/lock.ts';
import { compiled } from '../support/compiled.ts';
import { type NodeScript, runScript } from '../support/node-script.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/** A process that tries to take the lock, tells `held` or `refused`, and keeps it until it is killed. */
async function contender(folder: string): Promise<NodeScript> {
  const module = await compiled('scripts/lock.js');
  const script = runScript(`
    import { LockHeldError, takeLock } from ${JSON.stringify(module)};
    try {
      takeLock(${JSON.stringify(folder)});
      console.log('held');
      process.stdin.resume();
    } catch (error) {
      console.log(error instanceof LockHeldError ? 'refused' : error.stack);
    }
  `);
  onTestFinished(script.kill);
  return script;
}

test('of many starters one gets the lock, also when a killed holder left it', async () => {
  const folder = await temporaryDirectory();
  for (let round = 0; round < 3; round++) {
    const contenders = await Promise.all(Array.from({ length: 5 }, () => contender(folder)));
    const outcomes = await Promise.all(contenders.map((one) => one.nextLine()));
    expect([...outcomes].sort()).toEqual(['held', 'refused', 'refused', 'refused', 'refused']);
    await contenders[outcomes.indexOf('held')]?.kill();
  }
  expect(readdirSync(folder)).toEqual(['lock.3']);
});

test('a held lock names its holder, and is free after its release', async () => {
  const folder = await temporaryDirectory();
  const lock = takeLock(folder);
  expect(() => takeLock(folder)).toThrow(LockHeldError);
  expect(() => takeLock(folder)).toThrow(String(process.pid));
  lock.release();
  takeLock(folder).release();
});

test('a pid that another process has got meanwhile holds nothing', async () => {
  const folder = await temporaryDirectory();
  writeFileSync(join(folder, 'lock.7'), JSON.stringify({ pid: process.pid, startedAt: 'another time' }));
  takeLock(folder).release();
});

test('a lock file that a power cut emptied holds nothing', async () => {
  const folder = await temporaryDirectory();
  writeFileSync(join(folder, 'lock.1'), '');
  takeLock(folder).release();
});
