/** One question to a Redis on a unix socket, without a client library: the supervisor stays small. */
import { createConnection } from 'node:net';

/**
 * Sends an inline command and resolves with its reply as text.
 * @throws Error when nobody answers, or with Redis's own words (for example `LOADING …`)
 */
export function askRedis(socketPath: string, command: string, timeout = 2000): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(socketPath);
    let reply = '';
    const settle = (outcome: () => void) => {
      socket.destroy();
      outcome();
    };
    socket.setTimeout(timeout, () => settle(() => reject(new Error('Redis does not answer.'))));
    socket.once('error', (error) => settle(() => reject(error)));
    socket.once('close', () => reject(new Error('Redis closed the connection.')));
    socket.once('connect', () => socket.write(`${command}\r\n`));
    socket.setEncoding('utf8').on('data', (data) => {
      reply += data;
      const whole = parse(reply);
      if (whole === undefined) return;
      settle(() => (whole.error ? reject(new Error(whole.text)) : resolve(whole.text)));
    });
  });
}

/** undefined: more is to come. Simple strings, errors, numbers and bulk strings are all that INFO and PING need. */
function parse(reply: string): { readonly text: string; readonly error: boolean } | undefined {
  const end = reply.indexOf('\r\n');
  if (end < 0) return undefined;
  const first = reply.slice(1, end);
  if (!reply.startsWith('$')) return { text: first, error: reply.startsWith('-') };
  const bulk = Buffer.from(reply.slice(end + 2));
  return bulk.length < Number(first) ? undefined : { text: bulk.subarray(0, Number(first)).toString(), error: false };
}

/** The fields of an INFO reply. */
export function parseInfo(info: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    info.split(/\r?\n/).flatMap((line) => {
      const [, key, value] = /^(\w+):(.*)$/.exec(line) ?? [];
      return key === undefined ? [] : [[key, value ?? '']];
    }),
  );
}

/** Redis 6.2 brought commands that the queue and our scripts rely on. Valkey counts as the Redis 7.2 that it grew from. */
export function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 6 || (major === 6 && minor >= 2);
}
