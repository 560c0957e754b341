/** A sandbox is a machine that somebody has taken. */
import { randomBytes } from 'node:crypto';
import { hostnameOf, macAddressOf } from '../addresses.ts';
import { isValidId } from '../docker/names.ts';
import { DriverError, type Limits, type Sandbox, type SandboxConfig } from '../driver.ts';
import { readResolvers } from '../resolvers.ts';
import { AgentError } from './agent.ts';
import type { Context } from './context.ts';
import { etc, scratchDevice, volumeFolder } from './guest-paths.ts';
import { writeLimits } from './limits.ts';
import { destroyMachine, formatScratch, leave, type Machine, sandboxOf, setClock, update } from './machine.ts';
import type { MachineSize } from './vmm.ts';
import { attachVolumes, checkVolume, detachVolumes } from './volumes.ts';

/** MS_NOATIME */
const mountFlags = 1024;
const MiB = 2 ** 20;
const GiB = 2 ** 30;
/** A sandbox without limits. */
const defaults = { cpus: 1, memory: 512 * MiB, disk: 20 * GiB } as const;
/**
 * MiB for the guest's kernel, the agent and crun, and then some: a task must meet its own limit, which ends it, before
 * the machine is short of memory, which makes it crawl.
 */
const GUEST_MEMORY = 160;
/** Kept on the writable disk besides what containers write: their output. */
const OUTPUT_DISK = 256 * MiB;

/** Sizes come in steps, because each needs a snapshot of its own. */
export function sizeFor(limits: Limits): MachineSize {
  const task = Math.ceil((limits.memory ?? defaults.memory) / MiB / 512) * 512;
  // The kernel's book-keeping of memory grows with it.
  const overhead = GUEST_MEMORY + Math.ceil(task / 32);
  return { cpus: Math.max(1, Math.ceil(limits.cpus ?? defaults.cpus)), memory: task + overhead };
}

/** @throws DriverError kind volume or create */
export function checkSandbox({ id, volumes = [] }: SandboxConfig): void {
  if (!isValidId(id)) throw new DriverError('create', `"${id}" is not a valid sandbox id.`);
  for (const volume of volumes) checkVolume(volume);
}

/** Makes a machine that nobody has taken into this sandbox. */
export async function takeMachine(context: Context, machine: Machine, config: SandboxConfig): Promise<Sandbox> {
  const { agent, address } = machine;
  const { limits } = config;
  const facts = sandboxOf(context, machine);
  const hostname = hostnameOf(address);
  try {
    await Promise.all([
      formatScratch(machine, (limits.disk ?? defaults.disk) + OUTPUT_DISK),
      setClock(agent),
      agent.call('seed', randomBytes(64)),
      agent.call('hostname', hostname),
      agent.call('network', macAddressOf(address), address, facts.prefixLength, facts.gateway),
      writeEtc(machine, hostname),
      writeLimits(agent, limits),
    ]);
    await Promise.all([
      agent.call('mount', scratchDevice, '/scratch', 'ext4', mountFlags, ''),
      ...(config.volumes ?? []).map((_, index) => agent.call('mkdir', volumeFolder(index), 0o755)),
      writeSysctls(machine, config.sysctls ?? {}),
    ]);
    await attachVolumes(context, machine, config);
    await update(machine, (record) => ({
      ...record,
      sandbox: {
        id: config.id,
        labels: config.labels,
        limits,
        ...(config.group === undefined ? {} : { group: config.group }),
        volumes: (config.volumes ?? []).map(({ name }) => name),
        outside: (config.volumes ?? []).flatMap(({ kind }, index) => (kind === 'scratch' ? [] : [index])),
      },
    }));
    await context.network.filter.admit(address, config.group);
    return { ...facts, id: config.id };
  } catch (error) {
    throw error instanceof AgentError ? new DriverError('engine', error.message, { cause: error }) : error;
  }
}

async function writeEtc({ agent, address }: Machine, hostname: string): Promise<void> {
  const servers = await readResolvers();
  const files = {
    hosts: `127.0.0.1\tlocalhost\n${address}\t${hostname}\n`,
    hostname: `${hostname}\n`,
    'resolv.conf': servers.map((server) => `nameserver ${server}\n`).join(''),
  };
  await Promise.all([
    agent.call('mkdir', etc, 0o755),
    ...Object.entries(files).map(([name, text]) => agent.call('write', `${etc}/${name}`, 0o644, text)),
  ]);
}

/** As `sysctl -w` reads names: dots are slashes, and a slash is a dot in the name of an interface. */
async function writeSysctls({ agent }: Machine, sysctls: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, value] of Object.entries(sysctls)) {
    const file = name.replace(/[./]/g, (char) => (char === '.' ? '/' : '.'));
    if (!/^net\/[\w./-]+$/.test(file) || file.includes('..'))
      throw new DriverError('create', `${name} is not a sysctl of a network.`);
    await agent.call('write', `/proc/sys/${file}`, 0, value).catch((error: unknown) => {
      throw error instanceof AgentError ? new DriverError('create', `The sysctl ${name} could not be set.`) : error;
    });
  }
}

export async function removeSandbox(context: Context, id: string): Promise<void> {
  const machine = context.machines.get(id);
  if (!machine) return;
  await removeMachine(context, machine);
  context.machines.delete(id);
}

export async function removeMachine(context: Context, machine: Machine): Promise<void> {
  await detachVolumes(context, machine);
  leave(machine);
  if (machine.record.sandbox) await context.network.filter.dismiss(machine.address);
  await destroyMachine(context, machine.address);
}
