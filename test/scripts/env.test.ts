import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { givenSettings, readSettings } from '../../core/settings.ts';
import { envCommand, exportLines, printEnv } from '../../scripts/env.ts';
import { makeDataDirectory, writeInstance } from '../../scripts/instance.ts';
import { temporaryDirectory } from '../support/temporary.ts';

test('the export block evaluates in a shell', async () => {
  const dataDir = await temporaryDirectory();
  makeDataDirectory(dataDir);
  writeInstance(readSettings({ LONGSHORE_DATA_DIR: dataDir, LONGSHORE_PORT: '4999', LONGSHORE_REGION: 'eu-west-1' }));
  const lines: string[] = [];
  await printEnv(readSettings({ LONGSHORE_DATA_DIR: dataDir }), new Set(), (line) => lines.push(line));
  const script = `${lines.join('\n')}\necho "$AWS_ENDPOINT_URL $AWS_REGION $AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY"`;
  expect(execFileSync('sh', ['-c', script], { encoding: 'utf8' })).toMatch(
    /^http:\/\/127\.0\.0\.1:4999 eu-west-1 AKIA[A-Z2-7]{16} \S{40}\n$/,
  );
});

test('values reach the shell as they are', () => {
  const value = `a'b "c" $HOME \`id\` \\ ;`;
  const script = `${exportLines({ VALUE: value })}\nprintf %s "$VALUE"`;
  expect(execFileSync('sh', ['-c', script], { encoding: 'utf8' })).toBe(value);
});

test('the command that is told for another shell names the data directory when that is not the default', () => {
  expect(envCommand(readSettings({}).dataDir)).toBe('eval "$(npx longshore env)"');
  expect(envCommand("/srv/it's here")).toBe(`eval "$(npx longshore env --data-dir '/srv/it'\\''s here')"`);
});

test('a data directory that was never started says so', async () => {
  const dataDir = await temporaryDirectory();
  const settings = readSettings({ LONGSHORE_DATA_DIR: dataDir });
  await expect(printEnv(settings, new Set(), () => {})).rejects.toThrow(/^No instance was ever started in .*\.$/);
});

test('what is given wins over what the instance noted', async () => {
  const dataDir = await temporaryDirectory();
  makeDataDirectory(dataDir);
  writeInstance(readSettings({ LONGSHORE_DATA_DIR: dataDir, LONGSHORE_PORT: '4999', LONGSHORE_REGION: 'eu-west-1' }));
  const printed = async (env: Readonly<Record<string, string>>) => {
    const lines: string[] = [];
    const settings = readSettings({ LONGSHORE_DATA_DIR: dataDir, ...env });
    await printEnv(settings, givenSettings(env), (line) => lines.push(line));
    return lines.join('\n');
  };
  expect(await printed({ LONGSHORE_REGION: 'us-west-2' })).toMatch(/:4999\n[\s\S]*AWS_REGION=us-west-2\n/);
  expect(await printed({ LONGSHORE_PORT: '5000' })).toMatch(/127\.0\.0\.1:5000\n[\s\S]*AWS_REGION=eu-west-1\n/);
  const [first, second] = [await printed({}), await printed({ LONGSHORE_ACCOUNT_ID: '111122223333' })];
  expect(first).not.toEqual(second);
});
