import type { ContainerDefinition, TaskOverride } from '@aws-sdk/client-ecs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { effectiveContainers, effectiveTask } from '../../core/overrides.ts';

const app: ContainerDefinition = {
  name: 'app',
  image: 'app:1',
  cpu: 128,
  memory: 256,
  essential: true,
  command: ['serve'],
  environment: [
    { name: 'A', value: '1' },
    { name: 'B', value: '2' },
  ],
  environmentFiles: [{ type: 's3', value: 'arn:aws:s3:::bucket/a.env' }],
};
const sidecar: ContainerDefinition = { name: 'sidecar', image: 'sidecar:1', essential: false };
const definition = { family: 'web', containerDefinitions: [app, sidecar], cpu: '256', memory: '512' };

function overridden(overrides: TaskOverride): ContainerDefinition {
  const [first] = effectiveContainers(definition, overrides);
  if (first === undefined) throw new Error('the definition has a container');
  return first;
}

describe('effectiveContainers', () => {
  it('is the definition where nothing is overridden', () => {
    const untouched = { containerOverrides: [{ name: 'app' }, { name: 'sidecar' }], inferenceAcceleratorOverrides: [] };
    expect(effectiveContainers(definition, undefined)).toEqual([app, sidecar]);
    expect(effectiveContainers(definition, {})).toEqual([app, sidecar]);
    expect(effectiveContainers(definition, untouched)).toEqual([app, sidecar]);
  });

  it('replaces the command as a whole, even by nothing', () => {
    expect(overridden({ containerOverrides: [{ name: 'app', command: ['sh', '-c', 'true'] }] }).command).toEqual([
      'sh',
      '-c',
      'true',
    ]);
    expect(overridden({ containerOverrides: [{ name: 'app', command: [] }] }).command).toEqual([]);
  });

  it('merges the environment by name: changed ones in place, new ones after', () => {
    const environment = [
      { name: 'C', value: '3' },
      { name: 'A', value: 'changed' },
    ];
    expect(overridden({ containerOverrides: [{ name: 'app', environment }] }).environment).toEqual([
      { name: 'A', value: 'changed' },
      { name: 'B', value: '2' },
      { name: 'C', value: '3' },
    ]);
  });

  it('replaces sizes, environment files and resource requirements', () => {
    const override = {
      name: 'app',
      cpu: 64,
      memory: 128,
      memoryReservation: 100,
      environmentFiles: [{ type: 's3' as const, value: 'arn:aws:s3:::bucket/b.env' }],
      resourceRequirements: [{ type: 'GPU' as const, value: '1' }],
    };
    expect(overridden({ containerOverrides: [override] })).toEqual({ ...app, ...override });
  });

  it('leaves the other containers as they are', () => {
    const containers = effectiveContainers(definition, { containerOverrides: [{ name: 'app', cpu: 1 }] });
    expect(containers[1]).toBe(sidecar);
  });

  it('never changes the definition, and has the last value of each variable exactly once', () => {
    const pairs = fc.array(fc.record({ name: fc.constantFrom('A', 'B', 'C', 'D'), value: fc.string() }));
    fc.assert(
      fc.property(pairs, pairs, (defined, given) => {
        const before = structuredClone(defined);
        const [container] = effectiveContainers(
          { containerDefinitions: [{ name: 'app', environment: defined }] },
          { containerOverrides: [{ name: 'app', environment: given }] },
        );
        const all = [...defined, ...given];
        const expected = new Map(all.map(({ name, value }) => [name, value]));
        const merged = container?.environment ?? [];
        expect(new Map(merged.map(({ name = '', value = '' }) => [name, value]))).toEqual(expected);
        expect(merged).toHaveLength(expected.size);
        expect(defined).toEqual(before);
      }),
    );
  });
});

describe('effectiveTask', () => {
  it('takes what the definition says', () => {
    expect(effectiveTask(definition, {})).toEqual({ cpu: 256, memory: 512, ephemeralStorageGiB: 20 });
    expect(
      effectiveTask(
        { ...definition, taskRoleArn: 'r', executionRoleArn: 'e', ephemeralStorage: { sizeInGiB: 30 } },
        {},
      ),
    ).toEqual({ cpu: 256, memory: 512, taskRoleArn: 'r', executionRoleArn: 'e', ephemeralStorageGiB: 30 });
  });

  it('prefers what the overrides say', () => {
    const overrides: TaskOverride = {
      cpu: '1024',
      memory: '2048',
      taskRoleArn: 'other',
      executionRoleArn: 'another',
      ephemeralStorage: { sizeInGiB: 100 },
    };
    expect(effectiveTask({ ...definition, taskRoleArn: 'r' }, overrides)).toEqual({
      cpu: 1024,
      memory: 2048,
      taskRoleArn: 'other',
      executionRoleArn: 'another',
      ephemeralStorageGiB: 100,
    });
  });
});
