/** What tests with virtual machines share. */
import { randomInt, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../core/package-root.ts';
import type { ContainerHandle, Driver, Limits, VolumeConfig } from '../../runtime/driver.ts';
import { createMicrovmDriver } from '../../runtime/microvm/driver.ts';
import { machineName } from '../../runtime/microvm/processes.ts';
import { missingForMachines } from '../../scripts/system-packages.ts';
import { mountSmallDisk } from '../support/small-disk.ts';
import { makeBusyboxImage } from './images.ts';
import { plainContainer } from './suite-tools.ts';

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

export interface TestMachines {
  readonly driver: Driver;
  /** Name of the image that has busybox, for the engine. */
  readonly imageName: string;
  /** Its id. */
  readonly image: string;
  /** Of the machines, each named by its address. */
  readonly machinesFolder: string;
  nameOf(address: string): string;
  /** Another driver of the same installation, or of the given one. */
  another(owner?: string): Driver;
  /** A sandbox with one container that runs the script and has each volume at `/` and its name. */
  run(script: string, options?: { readonly limits?: Limits; readonly volumes?: readonly VolumeConfig[] }): Promise<Run>;
  /** For a sandbox that `removeSandboxes` will remove. */
  newId(): string;
  removeSandboxes(): Promise<void>;
  tearDown(): Promise<void>;
}

export interface Run {
  readonly handle: ContainerHandle;
  readonly address: string;
}

export interface MachinesOptions {
  readonly warmPool: number;
  /** MiB of a disk of its own for the folder of machines; absent: it lies with other temporary files. */
  readonly disk?: number;
}

/** An installation of its own. */
export async function openMachines({ warmPool, disk }: MachinesOptions): Promise<TestMachines> {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-machines-'));
  const unmount = disk === undefined ? () => {} : mountSmallDisk(folder, disk);
  const busybox = await makeBusyboxImage('longshore-test', randomUUID());
  const prefix = `10.${randomInt(231, 250)}.${randomInt(0, 256)}`;
  const owner = `test-${randomUUID().slice(0, 8)}`;
  const options = {
    owner,
    networkRange: { subnet: `${prefix}.0/26`, gateway: `${prefix}.1` },
    stateDir: join(folder, owner),
    cacheDir: machineCache,
  };
  const driver = createMicrovmDriver({ ...options, warmPool });
  await driver.open();
  const platform = { os: 'linux', architecture: 'amd64' } as const;
  const { image } = await driver.pullImage({ image: busybox.name, policy: 'once', platform });
  const made = new Set<string>();
  const newId = () => {
    const id = randomUUID().replaceAll('-', '');
    made.add(id);
    return id;
  };
  return {
    newId,
    driver,
    image,
    imageName: busybox.name,
    machinesFolder: join(folder, owner, 'machines'),
    nameOf: (address) => machineName(owner, address),
    another: (owner = options.owner) =>
      createMicrovmDriver({ ...options, owner, stateDir: join(folder, owner), warmPool: 0 }),
    async run(script, { limits = {}, volumes = [] } = {}) {
      const id = newId();
      const sandbox = await driver.createSandbox({ hostname: 'task', limits, labels: {}, id, volumes });
      const handle = await driver.createContainer({
        ...plainContainer(id, 'main', image),
        command: ['sh', '-c', script],
        environment: { PATH: '/bin' },
        mounts: volumes.map(({ name }) => ({ volume: name, path: `/${name}` })),
      });
      await driver.startContainer(handle);
      return { handle, address: sandbox.ipv4Address };
    },
    async removeSandboxes() {
      await Promise.all([...made].map((id) => driver.removeSandbox(id)));
      made.clear();
    },
    async tearDown() {
      await driver.clean();
      await driver.close();
      await busybox.remove();
      unmount();
      await rm(folder, { recursive: true });
    },
  };
}

/** All that the container wrote, when it has ended. */
export async function outputOf(driver: Driver, handle: ContainerHandle): Promise<string> {
  let text = '';
  for await (const { data } of driver.logs(handle, { follow: true })) text += Buffer.from(data).toString();
  return text;
}
