/** The image of the process that does nothing but keep a sandbox's network namespace: one hand-made program. */
import { createHash } from 'node:crypto';
import { type Engine, statusOf } from './engine.ts';
import { importImage } from './import-image.ts';
import { type Names, OWNER } from './names.ts';
import { ignoreEndedChildren } from './orphans.ts';
import { tarOf } from './tar.ts';

export type Architecture = 'amd64' | 'arm64';

const LOAD_ADDRESS = 0x400000n;
const HEADERS = 64 + 56;

const programs: Readonly<Record<Architecture, { readonly machine: number; readonly code: Buffer }>> = {
  amd64: {
    machine: 62,
    code: Buffer.from(
      // mov eax, 34 (pause); syscall; jmp to the mov
      'b822000000' + '0f05' + 'ebf7',
      'hex',
    ),
  },
  arm64: {
    machine: 183,
    // There is no pause(2) on arm64: ppoll with no descriptors and no time-out is the same.
    code: littleEndianWords([
      0xd2800000, // mov x0, 0
      0xd2800001, // mov x1, 0
      0xd2800002, // mov x2, 0
      0xd2800003, // mov x3, 0
      0xd2800004, // mov x4, 0
      0xd2800928, // mov x8, 73 (ppoll)
      0xd4000001, // svc 0
      0x17fffff9, // b to the first mov
    ]),
  },
};

/** A static ELF program that sleeps until it is killed. */
export function pauseProgram(architecture: Architecture): Buffer {
  const { machine } = programs[architecture];
  const code = Buffer.concat([ignoreEndedChildren[architecture], programs[architecture].code]);
  const size = BigInt(HEADERS + code.length);
  const elf = Buffer.alloc(HEADERS);
  elf.write('\x7fELF\x02\x01\x01', 'latin1');
  elf.writeUInt16LE(2, 16); // executable
  elf.writeUInt16LE(machine, 18);
  elf.writeUInt32LE(1, 20);
  elf.writeBigUInt64LE(LOAD_ADDRESS + BigInt(HEADERS), 24); // entry
  elf.writeBigUInt64LE(64n, 32); // the program header follows
  elf.writeUInt16LE(64, 52);
  elf.writeUInt16LE(56, 54);
  elf.writeUInt16LE(1, 56);
  elf.writeUInt32LE(1, 64); // PT_LOAD
  elf.writeUInt32LE(5, 68); // read, execute
  elf.writeBigUInt64LE(LOAD_ADDRESS, 80);
  elf.writeBigUInt64LE(LOAD_ADDRESS, 88);
  elf.writeBigUInt64LE(size, 96);
  elf.writeBigUInt64LE(size, 104);
  elf.writeBigUInt64LE(0x1000n, 112);
  return Buffer.concat([elf, code]);
}

/** Name of the pause image; makes it when the engine has not got it. */
export async function ensurePauseImage(engine: Engine, names: Names, architecture: Architecture): Promise<string> {
  const program = pauseProgram(architecture);
  const { repository, tag } = names.pauseImage(createHash('sha256').update(program).digest('hex').slice(0, 12));
  const name = `${repository}:${tag}`;
  try {
    await engine.call((docker) => docker.getImage(name).inspect());
    return name;
  } catch (error) {
    if (statusOf(error) !== 404) throw error;
  }
  await importImage(engine, {
    repository,
    tag,
    tar: tarOf([{ path: 'pause', mode: 0o755, data: program }]),
    changes: ['ENTRYPOINT ["/pause"]', `LABEL ${OWNER}=${names.owner}`],
  });
  return name;
}

function littleEndianWords(words: readonly number[]): Buffer {
  const bytes = Buffer.alloc(words.length * 4);
  for (const [index, word] of words.entries()) bytes.writeUInt32LE(word, index * 4);
  return bytes;
}
