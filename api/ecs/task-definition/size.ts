/** Task sizes: how CPU and memory are written, and the pairs that Fargate has. */

/** A `cpu` as CPU units (1024 = one vCPU). undefined: not a CPU size. */
export function parseCpu(text: string): number | undefined {
  return parse(text, 'vcpu');
}

/** A `memory` in MiB. undefined: not a memory size. */
export function parseMemory(text: string): number | undefined {
  return parse(text, 'gb');
}

/** Plain integers are in the small unit; with the large unit's name, fractions are allowed: `.5 vCPU`, `1.5GB`. */
function parse(text: string, unit: 'vcpu' | 'gb'): number | undefined {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  const match = /^(\d{1,6}(?:\.\d{1,6})?|\.\d{1,6})\s*([a-z]+)$/i.exec(text.trim());
  if (match?.[2]?.toLowerCase() !== unit) return undefined;
  const size = Number(match[1]) * 1024;
  return Number.isInteger(size) ? size : undefined;
}

/** CPU units -> MiB. */
const fargateSizes: ReadonlyMap<number, readonly number[]> = new Map([
  [256, [512, 1024, 2048]],
  [512, steps(1024, 4096, 1024)],
  [1024, steps(2048, 8192, 1024)],
  [2048, steps(4096, 16384, 1024)],
  [4096, steps(8192, 30720, 1024)],
  [8192, steps(16384, 61440, 4096)],
  [16384, steps(32768, 122880, 8192)],
]);

export function isFargateSize(cpu: number, memory: number): boolean {
  return fargateSizes.get(cpu)?.includes(memory) ?? false;
}

function steps(least: number, most: number, step: number): readonly number[] {
  return Array.from({ length: (most - least) / step + 1 }, (_, index) => least + index * step);
}
