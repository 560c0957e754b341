/** Runs the Lua files of this folder: one atomic operation each, named by its file. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Redis } from 'ioredis';
import { packageRoot } from '../package-root.ts';

const folder = join(packageRoot, 'core/store/lua');

const files = new Map(
  readdirSync(folder)
    .filter((file) => file.endsWith('.lua'))
    .map((file) => {
      const source = readFileSync(join(folder, file), 'utf8');
      return [basename(file, '.lua'), { source, sha: createHash('sha1').update(source).digest('hex') }] as const;
    }),
);

export type RunScript = (name: string, keys: readonly string[], args: readonly (string | number)[]) => Promise<unknown>;

export function createScripts(redis: Redis): RunScript {
  return async (name, keys, args) => {
    const file = files.get(name);
    if (!file) throw new Error(`There is no script ${name}.lua.`);
    try {
      return await redis.evalsha(file.sha, keys.length, ...keys, ...args);
    } catch (error) {
      // Redis forgets scripts when it restarts.
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return await redis.eval(file.source, keys.length, ...keys, ...args);
    }
  };
}
