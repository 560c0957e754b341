/** What the containers of a machine may take together; what the machine has besides is not theirs. */
import type { Limits } from '../driver.ts';
import { type Agent, AgentError } from './agent.ts';
import { pathsOf, taskGroup } from './guest-paths.ts';

const PERIOD = 100_000;

export async function writeLimits(agent: Agent, { cpus, memory, pids }: Limits): Promise<void> {
  const files = {
    ...(memory === undefined ? {} : { 'memory.max': String(memory) }),
    ...(cpus === undefined ? {} : { 'cpu.max': `${Math.max(1000, Math.round(cpus * PERIOD))} ${PERIOD}` }),
    ...(pids === undefined ? {} : { 'pids.max': String(pids) }),
  };
  await Promise.all(
    Object.entries(files).map(([file, value]) => agent.call('write', `${taskGroup}/${file}`, 0, value)),
  );
}

/**
 * Kills all processes of a container. Their processor time is not limited meanwhile: thousands of them cannot end on a
 * share of a core in any useful time. `writeLimits` makes that undone.
 */
export async function killGroup(agent: Agent, containerId: string): Promise<void> {
  const { groupFolder } = pathsOf(containerId);
  const write = async (path: string, value: string) =>
    await agent.call('write', path, 0, value).catch((error: unknown) => {
      // Its group may just have gone.
      if (!(error instanceof AgentError)) throw error;
    });
  await Promise.all([taskGroup, groupFolder].map((group) => write(`${group}/cpu.max`, `max ${PERIOD}`)));
  await write(`${groupFolder}/cgroup.kill`, '1');
}
