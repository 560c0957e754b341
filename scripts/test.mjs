/**
 * `npm test`: set-up, types, lint with import directions and cycles, all tests, and proof that nothing is left behind.
 * Arguments go to vitest: `npm test -- test/core`.
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { prepareBuild, preparePackages } from './checkout.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'longshore-test-'));
const mark = `LONGSHORE_TEST_RUN=${randomUUID()}`;
const say = (line) => console.log(line);
const results = [];
let interrupted = false;
let current;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => {
    interrupted = true;
    current?.kill('SIGTERM');
  });

let engine;
let summary;
try {
  const ready = await section('npm packages', () => preparePackages(root, say));
  if (ready) {
    await section('types', () => node('typescript/bin/tsc', '--noEmit'));
    await section('lint, import directions, cycles', () =>
      node('@biomejs/biome/bin/biome', 'check', '--error-on-warnings'),
    );
    const built = await section('build', () => prepareBuild(root, say));
    if (built && (await section('system packages and engine', prepareHost))) {
      const before = await objectsOfInstances();
      await section('tests', runTests);
      await section('nothing left behind', () => checkLeftOvers(before));
    }
  }
} finally {
  await engine?.stop();
  rmSync(scratch, { recursive: true, force: true });
}
const failed = results.filter(({ problem }) => problem !== undefined);
for (const { name, problem } of failed) say(`FAILED ${name}: ${problem}`);
if (summary !== undefined) say(summary);
process.exit(interrupted ? 130 : failed.length > 0 ? 1 : 0);

/** Runs one step and notes how it went; false: it failed. */
async function section(name, work) {
  if (interrupted) return false;
  const start = performance.now();
  say(`\n== ${name}`);
  let problem;
  try {
    await work();
  } catch (error) {
    problem = error.message;
  }
  results.push({ name, problem });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  say(`== ${name}: ${problem === undefined ? 'ok' : `FAILED, ${problem}`} (${seconds} s)`);
  return problem === undefined;
}

/** What `longshore start` would install and start, and what some tests use besides. */
async function prepareHost() {
  const { installPackages, missingPackages, testPackages } = await import('../dist/scripts/system-packages.js');
  const { ensureEngine } = await import('../dist/scripts/engine.js');
  const { DOCKER_HOST, REDIS_URL } = process.env;
  const dockerHost = DOCKER_HOST || undefined;
  await installPackages(missingPackages({ runtime: 'docker', dockerHost, redisUrl: REDIS_URL || undefined }), say);
  for (const one of testPackages())
    await installPackages([one], say).catch((error) => say(`${error.message} Tests that need it are skipped.`));
  engine = await ensureEngine(dockerHost, join(scratch, 'engine.log'), say);
}

async function runTests() {
  const report = join(scratch, 'report.json');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const [name, value] = mark.split('=');
  const temporary = join(scratch, 'tmp');
  mkdirSync(temporary);
  try {
    await nodeWith(
      { [name]: value, TMPDIR: temporary },
      'vitest/vitest.mjs',
      'run',
      ...reporters,
      ...process.argv.slice(2),
    );
  } finally {
    summary = summarise(report);
  }
}

/** `412 passed, 0 failed, 3 skipped` */
function summarise(report) {
  if (!existsSync(report)) return '0 passed, 1 failed';
  const {
    numPassedTests,
    numFailedTests,
    numPendingTests,
    numTodoTests = 0,
    testResults,
  } = JSON.parse(readFileSync(report, 'utf8'));
  // A file that cannot even be loaded has no tests to count.
  const broken = testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0).length;
  const skipped = numPendingTests + numTodoTests;
  return `${numPassedTests} passed, ${numFailedTests + broken} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/** What is on this machine outside of processes and folders, with its owner: the id of the installation that made it. */
async function objectsOfInstances() {
  return [...(await dockerObjects()), ...controlGroups()];
}

/** Containers and networks that carry our label. */
async function dockerObjects() {
  const { askEngine } = await import('../dist/scripts/engine.js');
  const filters = encodeURIComponent(JSON.stringify({ label: ['longshore'] }));
  const dockerHost = process.env.DOCKER_HOST || undefined;
  const containers = await askEngine(dockerHost, `/containers/json?all=1&filters=${filters}`);
  const networks = await askEngine(dockerHost, `/networks?filters=${filters}`);
  return [
    ...containers.map(({ Names, Labels }) => ({ owner: Labels.longshore, name: `container ${Names[0]}` })),
    ...networks.map(({ Name, Labels }) => ({ owner: Labels.longshore, name: `network ${Name}` })),
  ];
}

function controlGroups() {
  const root = '/sys/fs/cgroup';
  if (!existsSync(root)) return [];
  // cgroup v1 has a tree for each controller.
  const trees = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const folders = [root, ...trees.map(({ name }) => join(root, name))].flatMap((tree) => readdirSync(tree));
  return [...new Set(folders)]
    .map((name) => ({
      owner: /^longshore[-_](?:vm-)?(.+?)(?:\.slice)?$/.exec(name)?.[1],
      name: `control group ${name}`,
    }))
    .filter(({ owner }) => owner !== undefined);
}

/** An owner that was there before the tests is an instance in use on this machine, which goes on making things. */
async function checkLeftOvers(before) {
  const owners = new Set(before.map(({ owner }) => owner));
  const objects = (await objectsOfInstances()).filter(({ owner }) => !owners.has(owner)).map(({ name }) => name);
  const found = [...objects, ...processesOfThisRun()];
  if (found.length > 0) throw new Error(`the tests left ${found.join(', ')}`);
}

/** Processes that inherited this run's mark, or (Redis wipes its environment) work in its temporary directory. */
function processesOfThisRun() {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const ours =
          readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(mark) ||
          readlinkSync(`/proc/${pid}/cwd`).startsWith(scratch);
        return ours
          ? [`process ${pid} (${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()})`]
          : [];
      } catch {
        // It has ended meanwhile, or is somebody else's.
        return [];
      }
    });
}

function node(tool, ...args) {
  return nodeWith({}, tool, ...args);
}

function nodeWith(env, tool, ...args) {
  return new Promise((resolve, reject) => {
    current = spawn(process.execPath, [join(root, 'node_modules', tool), ...args], {
      cwd: root,
      stdio: 'inherit',
      env: { ...process.env, ...env },
    });
    current.once('error', reject);
    current.once('exit', (code, signal) =>
      code === 0 ? resolve() : reject(new Error(signal === null ? `exit code ${code}` : `ended by ${signal}`)),
    );
  });
}
