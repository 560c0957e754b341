/** Connections to unix sockets, however long their folder's path is: the kernel takes 107 characters. */
import { open } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';

/** @throws the system's error when nobody listens */
export async function connectIn(folder: string, name: string): Promise<Socket> {
  const handle = await open(folder, 'r');
  try {
    return await new Promise<Socket>((resolve, reject) => {
      const socket = connect({ path: `/proc/self/fd/${handle.fd}/${name}` });
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(socket);
      });
      socket.once('error', reject);
    });
  } finally {
    await handle.close();
  }
}
