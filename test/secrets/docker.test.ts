/** A real container sees its secrets; nothing of the engine but the container's own environment shows them. */
import { randomInt, randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateSecretCommand } from '@aws-sdk/client-secrets-manager';
import { PutParameterCommand } from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDockerDriver } from '../../runtime/docker/driver.ts';
import { connectEngine } from '../../runtime/docker/engine.ts';
import type { Driver } from '../../runtime/driver.ts';
import { engineMissing, makeBusyboxImage, type TestImage } from '../runtime/images.ts';
import { type SecretStack, startSecretStack } from './support.ts';

const skipReason = await engineMissing();

describe.skipIf(skipReason)(skipReason ? `real containers (skipped: ${skipReason})` : 'real containers', () => {
  let image: TestImage;
  let driver: Driver;
  let stack: SecretStack;
  let stateDir: string;

  beforeAll(async () => {
    stateDir = await mkdtemp(join(tmpdir(), 'longshore-secrets-docker-'));
    image = await makeBusyboxImage('longshore-test', randomUUID());
    const prefix = `10.${randomInt(128, 200)}.${randomInt(0, 256)}`;
    driver = createDockerDriver({
      owner: `test-${randomUUID().slice(0, 8)}`,
      dockerHost: process.env.DOCKER_HOST,
      networkRange: { subnet: `${prefix}.0/26`, gateway: `${prefix}.1` },
      warmPool: 1,
      stateDir,
    });
    stack = await startSecretStack({ driver });
  });
  afterAll(async () => {
    await stack?.close();
    await driver?.clean();
    await image?.remove();
    if (stateDir) await rm(stateDir, { recursive: true, force: true });
  });

  it('see their secrets', async () => {
    const value = `plain ${randomUUID()}\n"second" line ü$HOME`;
    await stack.ssm.send(new PutParameterCommand({ Name: '/docker/one', Type: 'SecureString', Value: value }));
    const { ARN } = await stack.secretsManager.send(
      new CreateSecretCommand({ Name: 'docker', SecretString: JSON.stringify({ password: value }) }),
    );
    const task = await stack.run([
      {
        image: image.name,
        command: ['sh', '-c', 'trap "exit 0" TERM; while true; do sleep 0.05; done'],
        secrets: [
          { name: 'ONE', valueFrom: '/docker/one' },
          { name: 'TWO', valueFrom: `${ARN}:password::` },
        ],
      },
    ]);
    expect([task.lastStatus, task.stoppedReason]).toEqual(['RUNNING', undefined]);
    const handle = stack.handles.at(-1);
    if (handle === undefined) throw new Error('no container was made');
    for (const name of ['ONE', 'TWO']) expect(await printed(driver, handle, name)).toBe(value);

    const [first = ''] = value.split('\n');
    const engine = connectEngine(process.env.DOCKER_HOST);
    try {
      const { Config, ...rest } = await engine.call((docker) => docker.getContainer(handle.id).inspect());
      expect(JSON.stringify(Config.Env)).toContain(first);
      expect(JSON.stringify({ ...rest, Config: { ...Config, Env: [] } })).not.toContain(first);
    } finally {
      engine.close();
    }
    for (const name of await readdir(stateDir, { recursive: true }))
      if (name.endsWith('.json')) expect(await readFile(join(stateDir, name), 'utf8')).not.toContain(first);
    expect(stack.logged.join('')).not.toContain(first);
  });
});

async function printed(driver: Driver, handle: Parameters<Driver['exec']>[0], variable: string): Promise<string> {
  const session = await driver.exec(handle, { command: ['sh', '-c', `printf %s "$${variable}"`], tty: false });
  const chunks: Uint8Array[] = [];
  for await (const { data } of session.output) chunks.push(data);
  expect(await session.wait()).toEqual({ exitCode: 0 });
  return Buffer.concat(chunks).toString('utf8');
}
