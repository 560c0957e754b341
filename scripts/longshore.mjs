#!/usr/bin/env node
/** The command `longshore`. Plain JavaScript without dependencies: it runs before `npm install` ever did. */
import { fileURLToPath } from 'node:url';

const oldest = 20;
if (Number(process.versions.node.split('.')[0]) < oldest) {
  console.error(`Longshore needs Node.js ${oldest} or newer, but this is ${process.versions.node}.`);
  process.exit(1);
}

const root = fileURLToPath(new URL('..', import.meta.url));
const { isCheckout, prepareCheckout } = await import('./checkout.mjs');
try {
  if (isCheckout(root)) await prepareCheckout(root, (line) => console.error(line));
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
await import('../dist/scripts/cli.js');
