/**
 * The filter of the pause program. The engine's default one lists what is allowed, for three architectures, and takes
 * a tenth of a sandbox's start to translate. The program has no capabilities, which rules out most of what that filter
 * refuses; this one refuses the rest: a container that shares processes with it may trace it and act through it.
 */

const refused = [
  ...['add_key', 'keyctl', 'request_key'],
  ...['bpf', 'perf_event_open', 'userfaultfd', 'io_uring_setup', 'io_uring_enter', 'io_uring_register'],
  ...['ptrace', 'process_vm_readv', 'process_vm_writev', 'kcmp', 'pidfd_getfd', 'process_madvise'],
  ...['mount', 'umount2', 'pivot_root', 'fsopen', 'fsmount', 'fsconfig', 'fspick', 'move_mount', 'open_tree'],
  ...['mount_setattr', 'quotactl', 'swapon', 'swapoff', 'open_by_handle_at', 'name_to_handle_at', 'fanotify_init'],
  ...['setns', 'reboot', 'kexec_load', 'kexec_file_load', 'init_module', 'finit_module', 'delete_module'],
  ...['personality', 'acct', 'syslog', 'settimeofday', 'clock_settime', 'clock_adjtime', 'adjtimex', 'lookup_dcookie'],
  ...['mbind', 'migrate_pages', 'move_pages', 'set_mempolicy', 'get_mempolicy', 'vhangup', 'nfsservctl', 'uselib'],
];

const NEW_USER_NAMESPACE = 0x10000000;

/** Inline, as the engine takes it in SecurityOpt; system calls that an architecture has not got are left out by it. */
export const pauseSeccomp = JSON.stringify({
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls: [
    { names: refused, action: 'SCMP_ACT_ERRNO' },
    {
      names: ['unshare', 'clone'],
      action: 'SCMP_ACT_ERRNO',
      args: [{ index: 0, value: NEW_USER_NAMESPACE, valueTwo: NEW_USER_NAMESPACE, op: 'SCMP_CMP_MASKED_EQ' }],
    },
    // Its flags are in memory, where no filter looks; programs then use clone.
    { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 },
  ],
});
