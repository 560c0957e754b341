/** Commands in the containers of tasks. */
import { PassThrough } from 'node:stream';
import { connectEngine } from '../../runtime/docker/engine.ts';
import { containersOf } from '../support/engine-instance.ts';
import type { Instance } from '../support/processes.ts';

/** The host's number of a container's first process. */
export async function pidOf(instance: Instance, taskId: string, name: string): Promise<number> {
  const engine = connectEngine(instance.dockerHost);
  try {
    const id = (await containersOf(instance, taskId))[name] ?? '';
    return (await engine.docker.getContainer(id).inspect()).State.Pid;
  } finally {
    engine.close();
  }
}

/** Runs a shell script in a task's container; what it printed, errors too. */
export async function inContainer(instance: Instance, taskId: string, name: string, script: string): Promise<string> {
  const engine = connectEngine(instance.dockerHost);
  try {
    const id = (await containersOf(instance, taskId))[name];
    if (id === undefined) throw new Error(`${taskId} has no container ${name}.`);
    const exec = await engine.docker.getContainer(id).exec({
      Cmd: ['sh', '-c', script],
      AttachStdout: true,
      AttachStderr: true,
    });
    const stream = await exec.start({});
    const output = new PassThrough();
    engine.docker.modem.demuxStream(stream, output, output);
    stream.on('end', () => output.end());
    let text = '';
    for await (const part of output) text += part;
    return text;
  } finally {
    engine.close();
  }
}
