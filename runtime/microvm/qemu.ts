/** QEMU's `microvm` machine as the virtual machine monitor. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { link, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DriverError } from '../driver.ts';
import { runProgram } from './commands.ts';
import type { Guest } from './guest.ts';
import { uidOf } from './processes.ts';
import { openQmp, type Qmp } from './qmp.ts';
import { connectIn } from './sockets.ts';
import { type FileServer, findFileServer } from './virtiofsd.ts';
import { foldersTag, lines, type MachineConfig, type Monitor, type Vmm } from './vmm.ts';

const PROGRAM = '/usr/bin/qemu-system-x86_64';
/** Disks for images that every machine has; what is not used yet is empty. */
const SLOTS = 10;
/** Milliseconds until QEMU must answer after it was started. */
const PATIENCE = 20_000;
/** Milliseconds without an answer: another host has the line, or this one is very busy. */
const BUSY_AFTER = 10_000;
/** Descriptors that the jail hands over, or takes: folders. */
const fds = { state: 3, folder: 4, tap: 10, line: 20, qmp: 30, files: 40 } as const;
const everyLine = Array.from({ length: lines }, (_, line) => line);

export interface QemuOptions {
  readonly guest: Guest;
  readonly acceleration: 'kvm' | 'tcg';
}

export async function openQemu({ guest, acceleration }: QemuOptions): Promise<Vmm> {
  const [version, kiloHertz, server] = await Promise.all([
    runProgram(PROGRAM, ['--version']),
    counterFrequency(guest),
    findFileServer(),
  ]);
  const shape = JSON.stringify([
    version,
    guest.identity,
    acceleration,
    cpus()[0]?.model,
    kernelWords(acceleration, kiloHertz),
    machine([], acceleration),
  ]);
  const kvmGroup = acceleration === 'kvm' ? (await stat('/dev/kvm')).gid : undefined;

  return {
    name: version.split('\n')[0]?.replace(/ \(.*/, '') ?? 'QEMU',
    identity: createHash('sha256').update(shape).digest('hex').slice(0, 20),
    acceleration,
    slots: SLOTS,
    ...(server === undefined ? { noFolders: 'virtiofsd is not installed' } : {}),
    async start(config) {
      const state = config.origin.kind === 'snapshot' ? await open(join(config.origin.folder, 'state')) : undefined;
      try {
        const said = launch(config, state?.fd);
        const monitor = monitorOf(config.folder, await qmpOf(config.folder, said), said);
        if (!state) return monitor;
        // The guest was saved while its host was there. A host that comes later would be told to it, as would be, after
        // that, that none was there when it woke up.
        const first = await connectIn(config.folder, 'line-0');
        await resume(monitor.qmp, said);
        return { ...monitor, connect: async (line) => (line === 0 ? first : await monitor.connect(line)) };
      } finally {
        await state?.close();
      }
    },
    async attach(folder) {
      for (const line of everyLine) {
        const qmp = await tryQmp(folder, line);
        if (qmp === 'gone') return undefined;
        if (qmp !== 'busy') return monitorOf(folder, qmp);
      }
      return undefined;
    },
  };

  function launch(config: MachineConfig, state: number | undefined): Said {
    const { origin, size, folders = [] } = config;
    if (folders.length > 0 && server === undefined)
      throw new DriverError('volume', 'Directories cannot be mounted: virtiofsd is not installed.');
    const saved = origin.kind === 'boot' && origin.saved;
    const boot = [
      '-kernel',
      kernelFor(version),
      '-initrd',
      '/guest/initramfs',
      '-append',
      kernelWords(acceleration, kiloHertz),
    ];
    const args = [
      ...['-name', config.name],
      ...machine(memoryArguments(config), acceleration),
      ...['-m', String(size.memory), '-smp', String(size.cpus)],
      // A clone has the kernel in its memory.
      ...(origin.kind === 'boot' ? boot : ['-incoming', 'defer']),
      // Only a machine that holds nothing of anybody's is saved, by a program that it starts.
      ...(saved ? [] : ['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny']),
      ...['-netdev', `tap,id=n0,fd=${fds.tap}`, '-device', 'virtio-net-device,netdev=n0'],
      ...(folders.length === 0 ? [] : ['-chardev', `socket,id=files,fd=${fds.files}`]),
      ...(folders.length === 0 ? [] : ['-device', `vhost-user-fs-device,chardev=files,tag=${foldersTag}`]),
    ];
    const own = [...jailArguments(config, guest, kvmGroup), ...(server ? folderArguments(folders, server) : [])];
    const child = spawn(guest.jail, [...own, '--', PROGRAM, ...args], {
      cwd: config.folder,
      detached: true,
      env: { PATH: '/usr/bin:/bin', ...(state === undefined ? {} : { LD_PRELOAD: '/guest/read-only-memory.so' }) },
      stdio: ['ignore', 'ignore', 'pipe', state ?? 'ignore', ...folders],
    });
    let text = '';
    const spoken = () =>
      text
        .trim()
        .split('\n')
        .filter((line) => !line.includes(': warning: '));
    const said: Said = { words: () => spoken().at(-1) ?? '', ended: false, how: '' };
    child.stderr?.setEncoding('utf8').on('data', (part: string) => {
      text = (text + part).slice(-4000);
    });
    child.on('error', (error) => {
      text = error.message;
      said.ended = true;
    });
    child.on('exit', (code, signal) => {
      said.ended = true;
      said.how = signal === null ? `ended with code ${code}` : `was ended by ${signal}`;
    });
    child.unref();
    (child.stderr as unknown as { unref(): void } | null)?.unref();
    return said;
  }
}

/**
 * One that need not unpack itself is started at once, without the firmware. From QEMU 8 on the machine has an interrupt
 * controller and a timer that only the firmware sets up: such a kernel sometimes dies of a tick that comes too soon.
 */
function kernelFor(version: string): string {
  const major = Number(/version (\d+)\./.exec(version)?.[1]);
  return major < 8 ? '/guest/kernel' : '/guest/kernel-packed';
}

function kernelWords(acceleration: QemuOptions['acceleration'], kiloHertz: number): string {
  // A triple fault ends a kernel that panics at once; in a clone, the other ways out never come to an end.
  const always = 'console=ttyS0 quiet panic=-1 reboot=t rdinit=/init tsc=reliable cryptomgr.notests';
  return acceleration === 'tcg' ? `${always} tsc_early_khz=${kiloHertz}` : always;
}

/**
 * Under emulation the guest counts with the host's counter and has no clock to find out how fast it is. Measured once
 * after each start of the host, so that all machines agree.
 */
async function counterFrequency({ folder, jail }: Guest): Promise<number> {
  const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  const file = join(folder, `counter-${boot}`);
  const known = await readFile(file, 'utf8').catch(() => '');
  if (known !== '') return Number(known);
  const measured = (await runProgram(jail, ['--tsc'])).trim();
  await writeFile(`${file}.${process.pid}`, measured);
  // The first one counts.
  await link(`${file}.${process.pid}`, file).catch(() => {});
  await rm(`${file}.${process.pid}`);
  return Number(await readFile(file, 'utf8'));
}

/** What its parent hears of a monitor. */
interface Said {
  readonly words: () => string;
  ended: boolean;
  /** How it ended; empty: it runs, or is just ending. */
  how: string;
}

/** Of a machine that has folders, their server writes into the memory too. */
function memoryArguments({ origin, size }: MachineConfig): readonly string[] {
  const bytes = `id=ram,size=${size.memory}M`;
  if (origin.kind === 'snapshot')
    return ['-object', `memory-backend-file,${bytes},mem-path=/snapshot/memory,share=off`];
  if (origin.saved) return ['-object', `memory-backend-file,${bytes},mem-path=/vm/memory,share=on`];
  return ['-object', `memory-backend-memfd,${bytes},share=on`];
}

function folderArguments(folders: readonly number[], server: FileServer): readonly string[] {
  if (folders.length === 0) return [];
  return [
    ...folders.flatMap((_, index) => ['--folder', String(fds.folder + index)]),
    ...[server.program, ...server.options].flatMap((word) => ['--server', word]),
  ];
}

/** What does not differ between a machine that boots and one that is cloned. */
function machine(memory: readonly string[], acceleration: string): readonly string[] {
  const disk = (slot: string, file: string, readOnly: boolean) => [
    '-blockdev',
    `driver=file,node-name=${slot}-file,filename=${file},read-only=${readOnly ? 'on' : 'off'},locking=off,cache.direct=off,cache.no-flush=on,discard=unmap`,
    '-blockdev',
    `driver=raw,node-name=${slot},file=${slot}-file,read-only=${readOnly ? 'on' : 'off'},discard=unmap`,
    '-device',
    // When the host's disk is full the guest is told, instead of being stopped until there is room.
    `virtio-blk-device,drive=${slot},serial=${slot},werror=report,rerror=report`,
  ];
  return [
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-M', 'microvm,acpi=on,rtc=on,memory-backend=ram'],
    ...['-cpu', acceleration === 'kvm' ? 'host' : 'max', '-accel', acceleration],
    // What the guest's kernel said last can still be read when it has given up.
    ...['-action', 'reboot=shutdown,shutdown=pause,panic=pause'],
    ...['-global', 'virtio-mmio.force-legacy=false'],
    ...memory,
    ...['-chardev', 'ringbuf,id=console,size=16384', '-serial', 'chardev:console'],
    ...['-device', `virtio-serial-device,max_ports=${lines + 1}`],
    ...everyLine.flatMap((line) => [
      ...['-chardev', `socket,id=qmp-${line},fd=${fds.qmp + line},server=on,wait=off`],
      ...['-mon', `chardev=qmp-${line},mode=control`],
      ...['-chardev', `socket,id=line-${line},fd=${fds.line + line},server=on,wait=off`],
      ...['-device', `virtserialport,chardev=line-${line},name=line-${line}`],
    ]),
    ...disk('scratch', '/vm/scratch', false),
    ...Array.from({ length: SLOTS }, (_, slot) => disk(`slot${slot}`, '/guest/empty', true)).flat(),
  ];
}

function jailArguments(config: MachineConfig, guest: Guest, kvmGroup: number | undefined): readonly string[] {
  const { origin } = config;
  return [
    ...['--uid', String(uidOf(config.name)), '--root', join(config.folder, 'root')],
    ...['--tap', config.tap.name, ...(config.tap.bridge === undefined ? [] : ['--bridge', config.tap.bridge])],
    ...config.groups.flatMap((file) => ['--group', file]),
    ...['/usr', '/bin', '/lib', '/lib64', '/dev/null'].flatMap((path) => ['--bind', `${path}:${path}`]),
    ...(kvmGroup === undefined ? [] : ['--share', '/dev/kvm:/dev/kvm', '--also', String(kvmGroup)]),
    ...['--bind', `${guest.folder}:/guest`],
    ...(origin.kind === 'snapshot' ? ['--bind', `${origin.folder}:/snapshot`] : []),
    ...(origin.kind === 'boot' && origin.saved ? ['--brief', String(process.pid)] : []),
    ...(config.images === undefined ? [] : ['--bind', `${config.images}:/images`]),
    ...['--share', `${join(config.folder, 'disks')}:/vm`],
    ...everyLine.flatMap((line) => [
      ...['--listen', `line-${line}:${fds.line + line}`],
      ...['--listen', `qmp-${line}:${fds.qmp + line}`],
    ]),
  ];
}

/** The socket is there a moment before QEMU answers on it. */
async function qmpOf(folder: string, said: Said): Promise<Qmp> {
  const deadline = Date.now() + PATIENCE;
  for (let pause = 2; ; pause = Math.min(2 * pause, 50)) {
    try {
      return await openQmp(await connectIn(folder, 'qmp-0'));
    } catch (error) {
      if (!(error instanceof DriverError) && !isNobodyThere(error)) throw error;
      if (said.ended || Date.now() > deadline)
        throw new DriverError('engine', `QEMU could not be started: ${said.words() || 'it does not answer'}.`);
    }
    await delay(pause);
  }
}

/** Another host may still be there, so that QEMU does not listen to us. */
async function tryQmp(folder: string, line: number): Promise<Qmp | 'busy' | 'gone'> {
  try {
    const socket = await connectIn(folder, `qmp-${line}`);
    const timer = setTimeout(() => socket.destroy(), BUSY_AFTER);
    const qmp = await openQmp(socket);
    clearTimeout(timer);
    return qmp;
  } catch (error) {
    if (error instanceof DriverError) return 'busy';
    if (isNobodyThere(error)) return 'gone';
    throw error;
  }
}

function isNobodyThere(error: unknown): boolean {
  return ['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes((error as NodeJS.ErrnoException).code ?? '');
}

const sharedMemory = { capabilities: [{ capability: 'x-ignore-shared', state: true }] };

/** Takes the machine's state in and lets it run. */
async function resume(qmp: Qmp, said: Said): Promise<void> {
  await qmp.run('migrate-set-capabilities', sharedMemory);
  await qmp.run('migrate-incoming', { uri: `fd:${fds.state}` });
  const { status, words } = await migrated(qmp);
  if (status !== 'completed')
    throw new DriverError('engine', `QEMU could not restore a snapshot: ${words ?? said.words() ?? status}.`);
  await qmp.run('cont');
}

async function migrated(qmp: Qmp): Promise<{ readonly status: string; readonly words?: string }> {
  for (;;) {
    const info = await qmp.run<{ readonly status?: string; readonly 'error-desc'?: string }>('query-migrate');
    const { status = 'none', 'error-desc': words } = info;
    if (['completed', 'failed', 'cancelled'].includes(status))
      return { status, ...(words === undefined ? {} : { words }) };
    await delay(2);
  }
}

function monitorOf(folder: string, qmp: Qmp, said?: Said): Monitor & { readonly qmp: Qmp } {
  let reason = 'the virtual machine monitor ended';
  const ended = new Promise<string>((resolve) => {
    qmp.onEvent((name, data) => {
      if (name === 'SHUTDOWN' && data.guest === true) resolve('the guest gave up');
      if (name === 'GUEST_PANICKED') resolve('the guest panicked');
      if (name === 'SHUTDOWN') reason = 'the virtual machine was switched off';
    });
    qmp.closed.then(async () => {
      // Its parent is told a moment later.
      for (let tries = 0; said && said.how === '' && tries < 20; tries += 1) await delay(10);
      const words = said?.words() ?? '';
      resolve(said?.how ? `QEMU ${said.how}${words === '' ? '' : `: ${words}`}` : reason);
    });
  });
  // An earlier process may have missed the event.
  qmp
    .run<{ readonly status: string }>('query-status')
    .then(({ status }) => {
      if (status === 'shutdown' || status === 'guest-panicked') qmp.close();
    })
    .catch(() => {});
  return {
    qmp,
    ended,
    connect: async (line) =>
      await connectIn(folder, `line-${line}`).catch((cause: unknown) => {
        if (!isNobodyThere(cause)) throw cause;
        throw new DriverError('engine', 'The virtual machine monitor has ended.', { cause });
      }),
    async insert(slot, file) {
      const name = `image-${slot}`;
      await qmp.run('blockdev-add', {
        driver: 'file',
        'node-name': name,
        filename: `/images/${file}`,
        'read-only': true,
        locking: 'off',
      });
      await qmp.run('blockdev-reopen', {
        options: [{ driver: 'raw', 'node-name': `slot${slot}`, file: name, 'read-only': true, discard: 'unmap' }],
      });
    },
    async save(file) {
      await qmp.run('stop');
      await qmp.run('migrate-set-capabilities', sharedMemory);
      await qmp.run('migrate', { uri: `exec:cat > /vm/${file}` });
      const { status, words } = await migrated(qmp);
      if (status !== 'completed') throw new DriverError('engine', `QEMU could not save: ${words ?? status}.`);
    },
    async console() {
      const parameters = { device: 'console', size: 16_384, format: 'utf8' };
      return await qmp.run<string>('ringbuf-read', parameters).catch(() => '');
    },
    detach: () => qmp.close(),
  };
}

/** undefined: it is not installed. */
export async function qemuVersion(): Promise<string | undefined> {
  return await runProgram(PROGRAM, ['--version']).then(
    (text) => text.split('\n')[0],
    () => undefined,
  );
}
