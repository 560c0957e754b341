/** Archives in the form that the kernel unpacks as its first file system (cpio "newc"). */

export interface CpioEntry {
  /** Without a leading slash. Folders come before what is in them. */
  readonly path: string;
  /** Permissions. */
  readonly mode: number;
  readonly content:
    | { readonly kind: 'file'; readonly data: Buffer }
    | { readonly kind: 'folder' }
    | { readonly kind: 'link'; readonly target: string }
    | { readonly kind: 'device'; readonly major: number; readonly minor: number };
}

const types = { file: 0o100000, folder: 0o040000, link: 0o120000, device: 0o020000 } as const;

export function cpioOf(entries: readonly CpioEntry[]): Buffer {
  const parts = entries.map((entry, index) => encode(entry, index + 1));
  return Buffer.concat([
    ...parts.flat(),
    ...encode({ path: 'TRAILER!!!', mode: 0, content: { kind: 'file', data: Buffer.alloc(0) } }, 0),
  ]);
}

function encode({ path, mode, content }: CpioEntry, inode: number): readonly Buffer[] {
  const data = content.kind === 'file' ? content.data : Buffer.from(content.kind === 'link' ? content.target : '');
  const device = content.kind === 'device' ? content : { major: 0, minor: 0 };
  const name = Buffer.from(`${path}\0`);
  const fields = [
    inode,
    types[content.kind] | mode,
    0, // user
    0, // group
    1, // links
    0, // modification time: the same files give the same archive
    data.length,
    0,
    0,
    device.major,
    device.minor,
    name.length,
    0, // checksum
  ];
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`);
  return [header, name, padding(header.length + name.length), data, padding(data.length)];
}

function padding(size: number): Buffer {
  return Buffer.alloc((4 - (size % 4)) % 4);
}
