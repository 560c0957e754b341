/**
 * Puts the command line and all that it loads into a few files of `dist/scripts/`, in the place of the compiler's
 * `cli.js`: reading hundreds of small files takes most of a start. Everything else in `dist/` stays as compiled.
 */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const outdir = join(root, 'dist', 'scripts');

/** Benchmarks start files of their own beside them, so they stay files of their own. */
const benchApart = {
  name: 'bench-apart',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/bench\/main\.ts$/ }, () => ({ path: './bench/main.js', external: true }));
  },
};

/**
 * A CommonJS package that is loaded on demand would come with nothing but a default export: it is wrapped in a module
 * that names what it exports, as node does.
 */
const namedOnDemand = {
  name: 'named-on-demand',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^@?[a-z]/ }, ({ path, kind, resolveDir }) =>
      kind === 'dynamic-import' ? { path, namespace: 'named', pluginData: resolveDir } : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'named' }, async ({ path, pluginData: resolveDir }) => {
      const names = Object.keys(await import(path)).filter((name) => name !== 'default' && name !== 'module.exports');
      return { contents: `export { ${names.join(', ')} } from ${JSON.stringify(path)};`, resolveDir };
    });
  },
};

/** What CommonJS packages expect to be there. */
const banner = `import { createRequire as bundledRequire } from 'node:module';
import { fileURLToPath as bundledPath } from 'node:url';
const require = bundledRequire(import.meta.url);
const __filename = bundledPath(import.meta.url);
const __dirname = bundledPath(new URL('.', import.meta.url));`;

for (const name of readdirSync(outdir)) if (name.startsWith('bundle-')) rmSync(join(outdir, name));
await build({
  absWorkingDir: root,
  entryPoints: ['scripts/cli.ts'],
  outdir,
  chunkNames: 'bundle-[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  minifyWhitespace: true,
  minifySyntax: true,
  banner: { js: banner },
  // Compiled for one kind of machine, or not there at all: asked for when they are used.
  external: ['*.node', 'classic-level', 'cpu-features', 'msgpackr-extract'],
  plugins: [benchApart, namedOnDemand],
  logLevel: 'warning',
});
