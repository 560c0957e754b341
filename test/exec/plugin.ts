/** `aws ecs execute-command` with AWS's session-manager-plugin, on a terminal, where a host has them. */
import { execFile, spawn } from 'node:child_process';
import type { Instance } from '../support/processes.ts';

/** undefined: everything is there. */
export async function awsMissing(): Promise<string | undefined> {
  for (const program of ['aws', 'session-manager-plugin', 'script'])
    if (!(await exists(program))) return `(skipped: ${program} is not on PATH)`;
  return undefined;
}

function exists(program: string): Promise<boolean> {
  return new Promise((resolve) => {
    execFile('/bin/sh', ['-c', `command -v ${program}`], (error) => resolve(error === null));
  });
}

export interface Cli {
  readonly text: () => string;
  /** @param from ignores what came before this length of the text */
  until(words: string, from?: number): Promise<void>;
  type(text: string): void;
  /** Exit code. */
  readonly ended: Promise<number>;
}

export function executeCommandByCli(instance: Instance, task: string, command: string): Cli {
  const aws = `aws --endpoint-url ${instance.endpoint} ecs execute-command --task ${task} --interactive --command "${command}"`;
  // The plugin needs a terminal for its own input and output.
  const child = spawn('script', ['-qefc', aws, '/dev/null'], { env: environmentOf(instance), stdio: 'pipe' });
  let kept = '';
  let told = () => {};
  child.stdout.on('data', (data) => {
    kept += data;
    told();
  });
  const ended = new Promise<number>((resolve) => {
    child.once('close', (code) => {
      told();
      resolve(code ?? -1);
    });
  });
  return {
    text: () => kept,
    ended,
    type: (text) => void child.stdin.write(text),
    async until(words, from = 0) {
      while (!kept.includes(words, from)) {
        if (child.exitCode !== null) throw new Error(`"${words}" never came: ${kept}`);
        await new Promise<void>((resolve) => {
          told = resolve;
        });
      }
    },
  };
}

function environmentOf({ credential }: Instance): NodeJS.ProcessEnv {
  const { PATH, HOME } = process.env;
  return {
    PATH,
    HOME,
    TERM: 'xterm',
    LANG: 'C.UTF-8',
    AWS_REGION: 'us-east-1',
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: credential.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credential.secretAccessKey,
  };
}
