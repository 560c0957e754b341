/** The Docker driver on the engine of this host. */
import { randomInt, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDockerDriver } from '../../runtime/docker/driver.ts';
import type { NetworkRange } from '../../runtime/driver.ts';
import { describeDriver } from './driver.suite.ts';
import { engineMissing, makeBusyboxImage } from './images.ts';

const ranges = new Map<string, NetworkRange>();
let stateFolder = '';

/** Each owner its own range, so that test runs beside each other do not meet. */
export function rangeFor(owner: string): NetworkRange {
  const prefix = `10.${randomInt(128, 200)}.${randomInt(0, 256)}`;
  const range = ranges.get(owner) ?? { subnet: `${prefix}.0/26`, gateway: `${prefix}.1` };
  ranges.set(owner, range);
  return range;
}

describeDriver(
  'docker driver',
  {
    async setUp() {
      stateFolder = await mkdtemp(join(tmpdir(), 'longshore-docker-'));
      const image = await makeBusyboxImage('longshore-test', randomUUID());
      return {
        image: image.name,
        async tearDown() {
          await image.remove();
          await rm(stateFolder, { recursive: true });
        },
      };
    },
    create: async (owner, { warmPool = 0 } = {}) =>
      createDockerDriver({
        owner,
        dockerHost: process.env.DOCKER_HOST,
        networkRange: rangeFor(owner),
        warmPool,
        stateDir: join(stateFolder, owner),
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
  await engineMissing(),
);
