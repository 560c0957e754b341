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

/**
 * With an argument the program first leaves the network namespace that it was started in for a fresh one, gives up all
 * capabilities, and ends with exit code 1 when either fails; then it sleeps. Without an argument it only sleeps.
 */
const programs: Readonly<Record<Architecture, { readonly machine: number; readonly code: Buffer }>> = {
  amd64: {
    machine: 62,
    code: Buffer.from(
      [
        '833c2401', // cmp dword [rsp], 1 (number of arguments, the program's name among them)
        '7629', // jbe sleep
        'bf00000040', // mov edi, CLONE_NEWNET
        'b810010000', // mov eax, 272 (unshare)
        '0f05', // syscall
        '85c0', // test eax, eax
        '7522', // jne fail
        '488d3d27000000', // lea rdi, [header]
        '488d3528000000', // lea rsi, [no capabilities]
        'b87e000000', // mov eax, 126 (capset)
        '0f05', // syscall
        '85c0', // test eax, eax
        '7509', // jne fail
        'b822000000', // sleep: mov eax, 34 (pause)
        '0f05', // syscall
        'ebf7', // jmp sleep
        'bf01000000', // fail: mov edi, 1
        'b8e7000000', // mov eax, 231 (exit_group)
        '0f05', // syscall
        '2205082000000000', // header: _LINUX_CAPABILITY_VERSION_3, this process
        '00'.repeat(24), // no capabilities: effective, permitted, inheritable, low and high words
      ].join(''),
      'hex',
    ),
  },
  arm64: {
    machine: 183,
    // There is no pause(2) on arm64: ppoll with no descriptors and no time-out is the same.
    code: littleEndianWords([
      0xf94003e0, // ldr x0, [sp] (number of arguments, the program's name among them)
      0xf100041f, // cmp x0, 1
      0x540001c9, // b.ls sleep
      0xd2a80000, // mov x0, CLONE_NEWNET
      0xd2800c28, // mov x8, 97 (unshare)
      0xd4000001, // svc 0
      0xb5000240, // cbnz x0, fail
      0x5280a440, // mov w0, _LINUX_CAPABILITY_VERSION_3
      0x72a40100, // movk w0, its upper half
      0xa9be7fe0, // stp x0, xzr, [sp, -32]! (header: version, this process)
      0xa9017fff, // stp xzr, xzr, [sp, 16] (no capabilities)
      0x910003e0, // mov x0, sp
      0x910023e1, // add x1, sp, 8
      0xd2800b68, // mov x8, 91 (capset)
      0xd4000001, // svc 0
      0xb5000120, // cbnz x0, fail
      0xd2800000, // sleep: mov x0, 0
      0xd2800001, // mov x1, 0
      0xd2800002, // mov x2, 0
      0xd2800003, // mov x3, 0
      0xd2800004, // mov x4, 0
      0xd2800928, // mov x8, 73 (ppoll)
      0xd4000001, // svc 0
      0x17fffff9, // b sleep
      0xd2800020, // fail: mov x0, 1
      0xd2800bc8, // mov x8, 94 (exit_group)
      0xd4000001, // svc 0
    ]),
  },
};

/** A static ELF program of a few instructions, see above. */
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

function nameParts(names: Names, program: Buffer) {
  return names.pauseImage(createHash('sha256').update(program).digest('hex').slice(0, 12));
}

export function pauseImageName(names: Names, architecture: Architecture): string {
  const { repository, tag } = nameParts(names, pauseProgram(architecture));
  return `${repository}:${tag}`;
}

/** Makes the image when the engine has not got it; returns its name. */
export async function ensurePauseImage(engine: Engine, names: Names, architecture: Architecture): Promise<string> {
  const name = pauseImageName(names, architecture);
  try {
    await engine.call((docker) => docker.getImage(name).inspect());
    return name;
  } catch (error) {
    if (statusOf(error) !== 404) throw error;
  }
  const program = pauseProgram(architecture);
  await importImage(engine, {
    ...nameParts(names, program),
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
