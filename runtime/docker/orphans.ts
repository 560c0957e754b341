/**
 * Has the kernel take away ended processes that nobody waits for, when the pause program is the first one of a process
 * namespace that containers share: a first process that ignores SIGCHLD never has a zombie (sigaction(2)).
 */
import type { Architecture } from './pause-image.ts';

/** Instructions to put in front of a program: they change neither the stack pointer nor what is above it. */
export const ignoreEndedChildren: Readonly<Record<Architecture, Buffer>> = {
  amd64: Buffer.from(
    [
      '48c74424e001000000', // mov qword [rsp-32], SIG_IGN
      '48c74424e800000000', // mov qword [rsp-24], 0 (no flags)
      '48c74424f000000000', // mov qword [rsp-16], 0 (no restorer)
      '48c74424f800000000', // mov qword [rsp-8], 0 (no mask)
      'bf11000000', // mov edi, SIGCHLD
      '488d7424e0', // lea rsi, [rsp-32]
      '31d2', // xor edx, edx
      '41ba08000000', // mov r10d, 8 (size of the mask)
      'b80d000000', // mov eax, 13 (rt_sigaction)
      '0f05', // syscall
    ].join(''),
    'hex',
  ),
  arm64: words([
    0xd10083e1, // sub x1, sp, 32
    0xd2800020, // mov x0, SIG_IGN
    0xa9007c20, // stp x0, xzr, [x1]
    0xa9017c3f, // stp xzr, xzr, [x1, 16]
    0xd2800220, // mov x0, SIGCHLD
    0xd2800002, // mov x2, 0
    0xd2800103, // mov x3, 8 (size of the mask)
    0xd28010c8, // mov x8, 134 (rt_sigaction)
    0xd4000001, // svc 0
  ]),
};

function words(instructions: readonly number[]): Buffer {
  const bytes = Buffer.alloc(instructions.length * 4);
  for (const [index, instruction] of instructions.entries()) bytes.writeUInt32LE(instruction, index * 4);
  return bytes;
}
