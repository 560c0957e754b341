/** The driver for virtual machines, on real ones under software emulation. */
import { randomInt, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';
import type { NetworkRange } from '../../runtime/driver.ts';
import { createMicrovmDriver } from '../../runtime/microvm/driver.ts';
import { describeDriver } from './driver.suite.ts';
import { engineMissing, makeBusyboxImage } from './images.ts';
import { machineCache, machinesMissing } from './machines.ts';

// Under emulation, on a host that is busy with other tests, a machine takes its time.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 600_000 });

const ranges = new Map<string, NetworkRange>();
let stateFolder = '';

/** Each owner its own range, so that test runs beside each other do not meet. */
function rangeFor(owner: string): NetworkRange {
  const prefix = `10.${randomInt(201, 230)}.${randomInt(0, 256)}`;
  const range = ranges.get(owner) ?? { subnet: `${prefix}.0/26`, gateway: `${prefix}.1` };
  ranges.set(owner, range);
  return range;
}

describeDriver(
  'microvm driver',
  {
    async setUp() {
      stateFolder = await mkdtemp(join(tmpdir(), 'longshore-microvm-'));
      const made = await makeBusyboxImage('longshore-test', randomUUID());
      const driver = await this.create(`image-${randomUUID().slice(0, 8)}`);
      await driver.open();
      const platform = { os: 'linux', architecture: 'amd64' } as const;
      const { image } = await driver.pullImage({ image: made.name, policy: 'once', platform });
      await driver.clean();
      await driver.close();
      return {
        image,
        async tearDown() {
          await made.remove();
          await rm(stateFolder, { recursive: true });
        },
      };
    },
    create: async (owner, { warmPool = 0 } = {}) =>
      createMicrovmDriver({
        owner,
        networkRange: rangeFor(owner),
        warmPool,
        stateDir: join(stateFolder, owner),
        cacheDir: machineCache,
      }),
    programs: {
      exits: (code) => ({ command: ['sh', '-c', `exit ${code}`] }),
      runs: { command: ['sh', '-c', 'trap "exit 143" TERM; echo ready; while true; do sleep 0.05; done'] },
      ignoresStop: { command: ['sh', '-c', 'trap "" TERM; echo ready; while true; do sleep 0.05; done'] },
      prints: (text) => ({ command: ['sh', '-c', `printf '%s' "$TEXT"`], environment: { TEXT: text } }),
      cannotStart: { command: ['/no/such/command'] },
    },
    real: true,
  },
  (await engineMissing()) ?? machinesMissing(),
);
