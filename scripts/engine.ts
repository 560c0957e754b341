/** The Docker Engine as set-up sees it: does it answer, and how to start it. A plain HTTP client, so that the supervisor stays small. */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { type ClientRequest, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure, hasCode, sentenceOf } from './failure.ts';
import { trimLogFile } from './logs.ts';
import { asRoot, lastLine, runCommand } from './privilege.ts';
import { findProgram } from './programs.ts';

export const engineSocket = '/var/run/docker.sock';

/** Milliseconds that an engine may take to start; the first start makes its folders. */
const startPatience = 60_000;

export interface EngineAnswer {
  readonly [key: string]: unknown;
}

/** GET on the Engine API. @throws Error when nothing answers, or with the engine's words */
export function askEngine(dockerHost: string | undefined, path: string): Promise<EngineAnswer> {
  return new Promise((resolve, reject) => {
    const request = openRequest(dockerHost ?? `unix://${engineSocket}`, path);
    request.setTimeout(10_000, () => request.destroy(new Error('The Docker Engine does not answer.')));
    request.once('error', reject);
    request.once('response', (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (data) => {
        body += data;
      });
      response.once('error', reject);
      response.once('end', () => {
        if (response.statusCode !== 200) return reject(new Error(body.trim() || `status ${response.statusCode}`));
        resolve(body.startsWith('{') || body.startsWith('[') ? JSON.parse(body) : {});
      });
    });
    request.end();
  });
}

function openRequest(dockerHost: string, path: string): ClientRequest {
  if (dockerHost.startsWith('unix://'))
    return httpRequest({ socketPath: dockerHost.slice('unix://'.length), path, agent: false });
  const url = new URL(dockerHost.replace(/^tcp:/, 'http:'));
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new Failure(`DOCKER_HOST is "${dockerHost}", but must be a unix:// or tcp:// address.`);
  const { DOCKER_TLS_VERIFY, DOCKER_CERT_PATH } = process.env;
  const secure = url.protocol === 'https:' || Boolean(DOCKER_TLS_VERIFY);
  const where = { host: url.hostname, port: url.port || (secure ? 2376 : 2375), path, agent: false as const };
  if (!secure) return httpRequest(where);
  const file = (name: string) =>
    DOCKER_CERT_PATH === undefined ? undefined : readFileSync(join(DOCKER_CERT_PATH, name));
  return httpsRequest({ ...where, ca: file('ca.pem'), cert: file('cert.pem'), key: file('key.pem') });
}

export function engineSocketExists(path: string): boolean {
  return existsSync(path);
}

export interface StartedEngine {
  /** Ends an engine that was started here; only tests do, because running tasks need it. */
  stop(): Promise<void>;
}

/**
 * Starts the engine of this host unless it answers already.
 * @returns undefined when it was running
 * @throws Failure that says what to do
 */
export async function ensureEngine(
  dockerHost: string | undefined,
  logPath: string,
  say: (line: string) => void,
): Promise<StartedEngine | undefined> {
  try {
    await askEngine(dockerHost, '/_ping');
    return undefined;
  } catch (error) {
    if (error instanceof Failure) throw error;
    if (dockerHost !== undefined)
      throw new Failure(`No Docker Engine answers at ${dockerHost} (DOCKER_HOST): ${sentenceOf(error)}.`);
    if (isForbidden(error)) throw forbidden();
  }
  say('Starting the Docker Engine …');
  // systemd's own test for being the init of this system.
  return existsSync('/run/systemd/system') ? startBySystemd() : startByHand(logPath);
}

async function startBySystemd(): Promise<StartedEngine> {
  const systemctl = (verb: string) => asRoot(['systemctl', verb, 'docker.service', 'docker.socket']);
  const command = systemctl('start');
  if (command === undefined) throw cannotStart('only root can start it: run `systemctl start docker` as root');
  const { ok, output } = await runCommand(command);
  if (!ok) throw cannotStart(`${lastLine(output)}; \`journalctl -u docker\` may say more`);
  await untilItAnswers(() => undefined, '`journalctl -u docker` may say why');
  return {
    stop: async () => {
      await runCommand(systemctl('stop') ?? []);
    },
  };
}

/** Detached, with its log in a file: it stays when Longshore stops, because running tasks need it. */
async function startByHand(logPath: string): Promise<StartedEngine> {
  const dockerd = findProgram('dockerd');
  if (dockerd === undefined)
    throw cannotStart('dockerd is not installed; install it, or point DOCKER_HOST at an engine');
  const command = asRoot([dockerd]);
  if (command === undefined) throw cannotStart('only root can start it: run `dockerd` as root');
  trimLogFile(logPath);
  const log = openSync(logPath, 'a', 0o600);
  const [program = '', ...args] = command;
  const child = spawn(program, args, { cwd: '/', detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  let end: string | undefined;
  child.once('error', (error) => {
    end = error.message;
  });
  child.once('exit', (code, signal) => {
    end = `it ended with ${signal ?? `code ${code}`}`;
  });
  child.unref();
  await untilItAnswers(() => end && `${end}: ${lastLogLine(logPath)}`, `${logPath} may say why`);
  return { stop: () => endEngine(child.pid) };
}

/** Asks until the engine answers; `ended` tells why it never will, unless another starter's engine comes up. */
async function untilItAnswers(ended: () => string | undefined, hint: string): Promise<void> {
  let deadline = Date.now() + startPatience;
  for (;;) {
    try {
      await askEngine(undefined, '/_ping');
      return;
    } catch (error) {
      const refused = isForbidden(error);
      if (ended() !== undefined || refused) deadline = Math.min(deadline, Date.now() + 3_000);
      if (Date.now() > deadline) throw refused ? forbidden() : cannotStart(ended() ?? `${sentenceOf(error)}; ${hint}`);
    }
    await sleep(50);
  }
}

async function endEngine(pid: number | undefined): Promise<void> {
  const command = asRoot(['kill', String(pid)]);
  if (pid === undefined || command === undefined) return;
  const { ok } = await runCommand(command);
  while (ok && existsSync(`/proc/${pid}`)) await sleep(50);
}

function isForbidden(error: unknown): boolean {
  return hasCode(error, 'EACCES', 'EPERM');
}

function forbidden(): Failure {
  return new Failure(
    'This user may not use the Docker Engine: run `sudo usermod -aG docker $USER` and log in again, or run as root.',
  );
}

function cannotStart(why: string): Failure {
  return new Failure(`The Docker Engine could not be started: ${why}.`);
}

function lastLogLine(path: string): string {
  const line = lastLine(readFileSync(path, 'utf8').slice(-4000));
  return /msg="((?:[^"\\]|\\.)*)"/.exec(line)?.[1] ?? line;
}
