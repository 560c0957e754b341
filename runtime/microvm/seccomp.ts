/**
 * System calls that a container may not make. The machine's own kernel stands between it and the host already; this
 * keeps a container from its neighbours in the machine and from the machine's agent. Docker's documentation names the
 * same calls as blocked ("Significant syscalls blocked by the default profile").
 */

/** Calls that a capability allows. */
const byCapability: Readonly<Record<string, readonly string[]>> = {
  CAP_SYS_ADMIN: [
    'bpf',
    'fanotify_init',
    'fsconfig',
    'fsmount',
    'fsopen',
    'fspick',
    'lookup_dcookie',
    'mount',
    'mount_setattr',
    'move_mount',
    'open_tree',
    'perf_event_open',
    'pivot_root',
    'quotactl',
    'setns',
    'swapon',
    'swapoff',
    'umount2',
    'unshare',
  ],
  CAP_SYS_BOOT: ['reboot', 'kexec_load', 'kexec_file_load'],
  CAP_SYS_MODULE: ['create_module', 'delete_module', 'init_module', 'finit_module', 'query_module'],
  CAP_SYS_NICE: ['get_mempolicy', 'mbind', 'move_pages', 'set_mempolicy', 'migrate_pages'],
  CAP_SYS_PACCT: ['acct'],
  CAP_SYS_PTRACE: ['kcmp', 'process_vm_readv', 'process_vm_writev', 'pidfd_getfd'],
  CAP_SYS_RAWIO: ['iopl', 'ioperm'],
  CAP_SYS_TIME: ['settimeofday', 'clock_settime', 'clock_adjtime', 'adjtimex'],
  CAP_DAC_READ_SEARCH: ['open_by_handle_at'],
};

const always: readonly string[] = [
  'add_key',
  'keyctl',
  'request_key',
  'userfaultfd',
  'io_uring_setup',
  'io_uring_enter',
  'io_uring_register',
  'nfsservctl',
  'sysfs',
  '_sysctl',
  'uselib',
  'ustat',
  'vm86',
  'vm86old',
];

/** Flags of clone that make namespaces: mount, cgroup, uts, ipc, user, pid, network. */
const namespaceFlags: readonly number[] = [
  0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000,
];

/** @param capabilities with their prefix CAP_ */
export function seccompOf(capabilities: readonly string[]): object {
  const held = new Set(capabilities);
  const refused = Object.entries(byCapability).flatMap(([capability, calls]) => (held.has(capability) ? [] : calls));
  const noNewNamespaces = [
    ...namespaceFlags.map((flag) => ({
      names: ['clone'],
      action: 'SCMP_ACT_ERRNO',
      errnoRet: 1,
      args: [{ index: 0, value: flag, valueTwo: flag, op: 'SCMP_CMP_MASKED_EQ' }],
    })),
    // Its flags lie in memory: "no such call" makes libraries use clone.
    { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 },
  ];
  return {
    defaultAction: 'SCMP_ACT_ALLOW',
    architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
    syscalls: [
      { names: [...always, ...refused], action: 'SCMP_ACT_ERRNO', errnoRet: 1 },
      ...(held.has('CAP_SYS_ADMIN') ? [] : noNewNamespaces),
    ],
  };
}
