/** What tests of the conversation between a host and a virtual machine share. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A host's socket, and the guest's end of it; both are gone when the test has ended. */
export async function socketPair(): Promise<{ readonly host: Socket; readonly guest: Socket }> {
  const server = createServer();
  const path = join(tmpdir(), `longshore-pair-${process.pid}-${Math.random().toString(36).slice(2)}`);
  server.listen(path);
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  const host = connect(path);
  const [guest] = (await accepted) as [Socket];
  server.close();
  guest.on('error', () => {});
  onTestFinished(() => {
    host.destroy();
    guest.destroy();
  });
  return { host, guest };
}
