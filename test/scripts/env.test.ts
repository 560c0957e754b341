import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { readSettings } from '../../core/settings.ts';
import { exportLines, printEnv } from '../../scripts/env.ts';
import { makeDataDirectory, writeInstance } from '../../scripts/instance.ts';
import { temporaryDirectory } from '../support/temporary.ts';

test('the export block evaluates in a shell', async () => {
  const dataDir = await temporaryDirectory();
  makeDataDirectory(dataDir);
  writeInstance(readSettings({ LONGSHORE_DATA_DIR: dataDir, LONGSHORE_PORT: '4999', LONGSHORE_REGION: 'eu-west-1' }));
  const lines: string[] = [];
  await printEnv(dataDir, (line) => lines.push(line));
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

test('a data directory that was never started says so', async () => {
  const dataDir = await temporaryDirectory();
  await expect(printEnv(dataDir, () => {})).rejects.toThrow(/^No instance was ever started in .*\.$/);
});
