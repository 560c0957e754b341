import { describe, expect, it } from 'vitest';
import { isFargateSize, parseCpu, parseMemory } from '../../api/ecs/task-definition/size.ts';

describe('task sizes', () => {
  it.each([
    ['1024', 1024],
    ['256', 256],
    ['1 vCPU', 1024],
    ['1 vcpu', 1024],
    ['.5 vcpu', 512],
    ['0.25vCPU', 256],
    ['16 VCPU', 16384],
    ['1 GB', undefined],
    ['0.3333 vCPU', undefined],
    ['', undefined],
    ['-1', undefined],
    ['1e3', undefined],
    ['vCPU', undefined],
    ['1.5', undefined],
  ])('reads cpu %j as %j units', (text, units) => expect(parseCpu(text)).toBe(units));

  it.each([
    ['2048', 2048],
    ['2GB', 2048],
    ['2 GB', 2048],
    ['0.5GB', 512],
    ['.5 gb', 512],
    ['2 MB', undefined],
    ['2 vCPU', undefined],
    ['two', undefined],
  ])('reads memory %j as %j MiB', (text, mebibytes) => expect(parseMemory(text)).toBe(mebibytes));

  it('has 74 pairs on Fargate', () => {
    const pairs = [256, 512, 1024, 2048, 4096, 8192, 16384].flatMap((cpu) =>
      Array.from({ length: 260 }, (_, index) => (index + 1) * 512).filter((memory) => isFargateSize(cpu, memory)),
    );
    expect(pairs).toHaveLength(74);
  });

  it.each([
    [1024, 9216],
    [2048, 17408],
    [4096, 31744],
    [8192, 62464],
    [16384, 131072],
    [1024, 2560],
    [8192, 17408],
    [8192, 18432],
    [16384, 33792],
    [16384, 36864],
    [128, 512],
    [32768, 65536],
  ])('has no %d CPU with %d MiB on Fargate', (cpu, memory) => expect(isFargateSize(cpu, memory)).toBe(false));
});
