/** What every clone finds done: settings of the network, and programs in memory that the first container needs. */
import { type Agent, AgentError } from './agent.ts';

/** As engines set them in a sandbox of theirs: no IPv6; any port, and ping, for users other than root. */
const settings: Readonly<Record<string, string>> = {
  'net/ipv6/conf/all/disable_ipv6': '1',
  'net/ipv6/conf/default/disable_ipv6': '1',
  'net/ipv4/ip_unprivileged_port_start': '0',
  'net/ipv4/ping_group_range': '0 2147483647',
};

export async function warmUp(agent: Agent): Promise<void> {
  for (const [name, value] of Object.entries(settings))
    await agent.call('write', `/proc/sys/${name}`, 0, value).catch((error: unknown) => {
      // Not every kernel has each.
      if (!(error instanceof AgentError)) throw error;
    });
  await runContainerOnce(agent);
}

/** It does nothing and fails; crun and its libraries are in memory afterwards. */
async function runContainerOnce(agent: Agent): Promise<void> {
  const spec = {
    ociVersion: '1.0.0',
    process: { args: ['/fill', '', '', ''], cwd: '/', user: { uid: 0, gid: 0 } },
    root: { path: '/warm' },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/fill', type: 'bind', source: '/init', options: ['bind', 'ro'] },
    ],
    linux: {
      namespaces: ['pid', 'mount', 'ipc', 'uts', 'cgroup'].map((type) => ({ type })),
      cgroupsPath: '/task/warm',
      seccomp: { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['swapon'], action: 'SCMP_ACT_ERRNO' }] },
    },
  };
  await agent.call('mkdir', '/run/warm', 0o700);
  await agent.call('write', '/run/warm/config.json', 0o600, JSON.stringify(spec));
  const crun = ['crun', '--cgroup-manager=cgroupfs', '--log=/run/warm/log'];
  for (const [key, words] of [
    ['warm', ['run', '--bundle=/run/warm', 'warm']],
    ['warm-delete', ['delete', '--force', 'warm']],
  ] as const) {
    await agent.call('spawn', key, '', `/run/warm/${key}`, '', '', '', ...crun, ...words);
    await agent.call('wait', key);
    await agent.call('forget', key);
  }
}
