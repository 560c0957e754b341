/** Rules about what a container may ask of the kernel. */
import { duplicates, forEachContainer, invalidSetting, isOutside, type Rule } from './rules.ts';

const capabilities = new Set(
  `ALL AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE DAC_READ_SEARCH
  FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN NET_BIND_SERVICE
  NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID SETPCAP SETUID SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_MODULE SYS_NICE
  SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG SYSLOG WAKE_ALARM`.split(/\s+/),
);

const tmpfsOptions = new Set(
  `defaults ro rw suid nosuid dev nodev exec noexec sync async dirsync remount mand nomand atime noatime diratime
  nodiratime bind rbind unbindable runbindable private rprivate shared rshared slave rslave relatime norelatime
  strictatime nostrictatime mode uid gid nr_inodes nr_blocks mpol`.split(/\s+/),
);

export const linuxRule: Rule = forEachContainer(function* (container) {
  const linux = container.linuxParameters ?? {};
  for (const capability of [...(linux.capabilities?.add ?? []), ...(linux.capabilities?.drop ?? [])])
    if (!capabilities.has(capability))
      yield invalidSetting('linuxParameters.capabilities', container, `Unknown capability: ${capability}`);
  for (const { containerPath = '', size = 0, mountOptions = [] } of linux.tmpfs ?? []) {
    if (!containerPath.startsWith('/'))
      yield invalidSetting('linuxParameters.tmpfs', container, 'containerPath must be an absolute path.');
    if (size < 1) yield invalidSetting('linuxParameters.tmpfs', container, 'size must be at least 1 MiB.');
    for (const option of mountOptions)
      if (!tmpfsOptions.has(option.split('=')[0] ?? ''))
        yield invalidSetting('linuxParameters.tmpfs', container, `Unknown mount option: ${option}`);
  }
  if ((linux.sharedMemorySize ?? 1) < 1)
    yield invalidSetting('linuxParameters.sharedMemorySize', container, 'It must be at least 1 MiB.');
  if (isOutside(linux.swappiness, 0, 100))
    yield invalidSetting('linuxParameters.swappiness', container, 'It must be from 0 to 100.');
  if ((linux.maxSwap ?? 0) < 0) yield invalidSetting('linuxParameters.maxSwap', container, 'It must not be negative.');
});

export const ulimitRule: Rule = forEachContainer(function* (container) {
  const { ulimits = [] } = container;
  for (const { name, softLimit = 0, hardLimit = 0 } of ulimits) {
    if (softLimit < -1 || hardLimit < -1) yield invalidSetting('ulimits', container, `Invalid limit for ${name}.`);
    // -1 stands for no limit.
    if (hardLimit !== -1 && (softLimit === -1 || softLimit > hardLimit))
      yield invalidSetting('ulimits', container, `The soft limit for ${name} is greater than the hard limit.`);
  }
  for (const name of duplicates(ulimits.map((ulimit) => ulimit.name)))
    yield invalidSetting('ulimits', container, `Duplicate ulimit: ${name}`);
});

export const systemControlRule: Rule = forEachContainer(function* (container, { networkMode }) {
  const { systemControls = [] } = container;
  for (const { namespace = '', value = '' } of systemControls) {
    if (!isNamespaced(namespace))
      yield invalidSetting('systemControls', container, `Not a namespaced kernel parameter: '${namespace}'`);
    if (networkMode === 'host' && namespace.startsWith('net.'))
      yield invalidSetting('systemControls', container, `Network mode 'host' does not support ${namespace}.`);
    if (value === '') yield invalidSetting('systemControls', container, `${namespace} has no value.`);
  }
  for (const namespace of duplicates(systemControls.map((control) => control.namespace)))
    yield invalidSetting('systemControls', container, `Duplicate kernel parameter: ${namespace}`);
});

function isNamespaced(parameter: string): boolean {
  return (
    /^net\.[\w.-]+$/.test(parameter) ||
    /^fs\.mqueue\.\w+$/.test(parameter) ||
    /^kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)$/.test(parameter)
  );
}
