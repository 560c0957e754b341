/** Makes a git checkout ready to run: npm packages and compiled sources. Costs milliseconds when nothing changed. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';

/** Milliseconds between two lines of progress. */
const progressInterval = 2000;
const sourceFolders = ['api', 'core', 'worker', 'runtime', 'scripts'];

/** A package from the registry brings dist/ along and leaves the compiler's settings out. */
export function isCheckout(root) {
  return existsSync(join(root, 'tsconfig.build.json'));
}

/**
 * Installs npm packages and compiles, each only when needed. Safe when several processes do it at once.
 * @param say gets a line of progress before each slow step
 * @throws Error with one sentence
 */
export async function prepareCheckout(root, say) {
  await preparePackages(root, say);
  await prepareBuild(root, say);
}

export async function preparePackages(root, say) {
  if (packagesAreInstalled(root)) return;
  await alone(root, async () => {
    if (packagesAreInstalled(root)) return;
    const done = showProgress(root, say);
    // The packages' scripts would compile what is prebuilt or optional, with headers from outside the registry.
    const options = ['--ignore-scripts', '--no-audit', '--no-fund'];
    try {
      await run(root, 'npm', ['ci', ...options], 'npm ci failed; its output above says why.');
    } finally {
      done();
    }
  });
}

/** npm says nothing before its end: how many packages are there is told as long as that grows. Returns the end of it. */
function showProgress(root, say) {
  const { packages } = readJson(join(root, 'package-lock.json'));
  // Of the optional ones only those for this platform will come.
  const wanted = Object.keys(packages).filter((path) => path !== '' && !packages[path].optional);
  let told = 0;
  say(`Installing ${wanted.length} npm packages …`);
  const timer = setInterval(() => {
    const there = wanted.filter((path) => existsSync(join(root, path, 'package.json'))).length;
    if (there > told) say(`Installing npm packages … ${there} of ${wanted.length}`);
    told = there;
  }, progressInterval);
  return () => clearInterval(timer);
}

export async function prepareBuild(root, say) {
  if (isBuilt(root)) return;
  await alone(root, async () => {
    if (isBuilt(root)) return;
    say('Compiling …');
    const before = fingerprint(root);
    const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    const problem = 'The sources do not compile; the output above says where.';
    await run(root, process.execPath, [compiler, '-p', 'tsconfig.build.json'], problem);
    const bundler = join(root, 'scripts', 'bundle.mjs');
    await run(root, process.execPath, [bundler], 'The compiled sources cannot be bundled; the output above says why.');
    mkdirSync(join(root, 'dist'), { recursive: true });
    writeFileSync(buildStamp(root), before);
  });
}

/**
 * Compares what package-lock.json asks for with what npm says it installed. File times would not do: a checkout or an
 * `npm install` touches them in any order.
 */
function packagesAreInstalled(root) {
  const wanted = readJson(join(root, 'package-lock.json'));
  const installed = readJson(join(root, 'node_modules', '.package-lock.json'));
  if (wanted === undefined) throw new Error(`package-lock.json is missing in ${root}.`);
  if (installed === undefined) return false;
  return Object.entries(wanted.packages).every(
    ([path, { version, optional }]) => path === '' || optional || installed.packages[path]?.version === version,
  );
}

function isBuilt(root) {
  const stamp = buildStamp(root);
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprint(root);
}

const buildStamp = (root) => join(root, 'dist', '.longshore-build');

/** Changes whenever a source file is added, removed or written. */
function fingerprint(root) {
  const hash = createHash('sha256');
  const add = (path) => {
    const { mtimeMs, size } = statSync(join(root, path));
    hash.update(`${path} ${mtimeMs} ${size}\n`);
  };
  for (const file of ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json', join('scripts', 'bundle.mjs')])
    add(file);
  for (const folder of sourceFolders) {
    if (!existsSync(join(root, folder))) continue;
    const files = readdirSync(join(root, folder), { recursive: true }).filter((file) => file.endsWith('.ts'));
    for (const file of files.sort()) add(join(folder, file));
  }
  return hash.digest('hex');
}

async function alone(root, work) {
  const unlock = await lockCheckout(root);
  try {
    await work();
  } finally {
    unlock();
  }
}

/**
 * Waits until no other process prepares this checkout. The lock is a socket in Linux's abstract namespace: the kernel
 * frees it with the process, however that ends. Elsewhere two builds at once may both do the work.
 */
async function lockCheckout(root) {
  if (process.platform !== 'linux') return () => {};
  const name = `\0longshore-checkout-${createHash('sha256').update(realpathSync(root)).digest('hex')}`;
  for (;;) {
    const server = createServer();
    const held = await new Promise((resolve, reject) => {
      server.once('error', (error) => (error.code === 'EADDRINUSE' ? resolve(false) : reject(error)));
      server.listen(name, () => resolve(true));
    });
    if (held) {
      const waiting = new Set();
      server.on('connection', (socket) => {
        socket.on('error', () => {});
        waiting.add(socket);
      });
      return () => {
        for (const socket of waiting) socket.destroy();
        server.close();
      };
    }
    await new Promise((resolve) => connect(name).once('error', resolve).once('close', resolve).resume());
  }
}

function readJson(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined;
}

/** Runs a command with its output on the terminal's error stream, so that `eval "$(longshore env)"` stays clean. */
function run(cwd, command, args, problem) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', process.stderr, process.stderr] });
    child.once('error', (error) => reject(new Error(`${command} could not be run: ${error.message}.`)));
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(problem))));
  });
}
