import type { TaskOverride } from '@aws-sdk/client-ecs';
import { describe, expect, it } from 'vitest';
import { validOverrides } from '../../api/ecs/run-task/overrides.ts';
import type { TaskDefinitionBody } from '../../core/task-definition.ts';

const definition: TaskDefinitionBody = {
  family: 'web',
  networkMode: 'awsvpc',
  cpu: '256',
  memory: '512',
  containerDefinitions: [
    { name: 'app', image: 'app:1', memory: 256, secrets: [{ name: 'TOKEN', valueFrom: 'token' }] },
    { name: 'sidecar', image: 'sidecar:1', essential: false },
  ],
};
const app = (override: object): TaskOverride => ({ containerOverrides: [{ name: 'app', ...override }] });

describe('validOverrides', () => {
  it('have an entry for each container, in the order of the definition', () => {
    const untouched = { containerOverrides: [{ name: 'app' }, { name: 'sidecar' }], inferenceAcceleratorOverrides: [] };
    expect(validOverrides(definition)).toEqual(untouched);
    expect(validOverrides(definition, {})).toEqual(untouched);
    expect(validOverrides(definition, app({ command: ['true'] })).containerOverrides).toEqual([
      { name: 'app', command: ['true'] },
      { name: 'sidecar' },
    ]);
  });

  it('are echoed whole, sizes as integers', () => {
    const given: TaskOverride = {
      containerOverrides: [
        {
          name: 'app',
          command: ['sh'],
          environment: [{ name: 'A', value: '1' }],
          environmentFiles: [{ type: 's3', value: 'arn:aws:s3:::bucket/app.env' }],
          cpu: 512,
          memory: 1024,
          memoryReservation: 512,
          resourceRequirements: [],
        },
      ],
      cpu: '1 vCPU',
      memory: '2GB',
      executionRoleArn: 'arn:aws:iam::111122223333:role/execution',
      taskRoleArn: 'arn:aws:iam::111122223333:role/path/task',
      ephemeralStorage: { sizeInGiB: 50 },
    };
    expect(validOverrides(definition, given)).toEqual({
      ...given,
      containerOverrides: [...(given.containerOverrides ?? []), { name: 'sidecar' }],
      inferenceAcceleratorOverrides: [],
      cpu: '1024',
      memory: '2048',
    });
  });

  it('take an empty role for none', () => {
    expect(validOverrides(definition, { taskRoleArn: '' })).not.toHaveProperty('taskRoleArn');
  });

  it('may have 8192 characters', () => {
    const ofLength = (length: number) => {
      const rest = JSON.stringify(app({ command: [''] })).length;
      return app({ command: ['x'.repeat(length - rest)] });
    };
    expect(() => validOverrides(definition, ofLength(8192))).not.toThrow();
    expect(() => validOverrides(definition, ofLength(8193))).toThrow('Container Overrides length must be at most 8192');
  });

  it.each<[string, TaskOverride, string]>([
    [
      'an unknown container',
      { containerOverrides: [{ name: 'db' }] },
      'Override for container named db is not a container in the TaskDefinition.',
    ],
    ['no container', { containerOverrides: [{ command: ['x'] }] }, 'must have the name of a container'],
    ['a container twice', { containerOverrides: [{ name: 'app' }, { name: 'app' }] }, 'more than one override'],
    ['no such size', { memory: '4096' }, 'No Fargate configuration exists for given values: 256 CPU, 4096 memory'],
    ['a size that is none', { cpu: 'lots' }, "Invalid 'cpu' setting for task."],
    ['a container larger than the task', app({ memory: 1024 }), "The 'memory' setting for container"],
    ['containers larger than the task together', app({ cpu: 512 }), "The sum of all container 'cpu' values"],
    ['more reserved than allowed', app({ memoryReservation: 300 }), "'memory' setting for container 'app'"],
    ['next to no memory', app({ memory: 1 }), "'memory' setting for container 'app'"],
    ['a variable without a name', app({ environment: [{ name: '', value: 'x' }] }), 'must not be empty'],
    ['the name of a secret', app({ environment: [{ name: 'TOKEN', value: 'x' }] }), "such as 'TOKEN'"],
    ['a file that is no environment file', app({ environmentFiles: [{ type: 's3', value: 'x' }] }), 'environmentFiles'],
    [
      'an environment file without a role to fetch it',
      app({ environmentFiles: [{ type: 's3', value: 'arn:aws:s3:::b/a.env' }] }),
      'execution role ARN to support environment files.',
    ],
    ['GPUs', app({ resourceRequirements: [{ type: 'GPU', value: '1' }] }), 'do not support GPU resource requirements'],
    ['accelerators', { inferenceAcceleratorOverrides: [{ deviceName: 'd' }] }, 'inference accelerators'],
    ['too little disk', { ephemeralStorage: { sizeInGiB: 20 } }, 'EphemeralStorage size should be at least 21'],
    ['too much disk', { ephemeralStorage: { sizeInGiB: 201 } }, 'EphemeralStorage size should be at most 200'],
    ['what is no role', { taskRoleArn: 'arn:aws:iam::1:user/me' }, 'Role is not valid'],
  ])('refuse %s', (_, given, message) => {
    expect(() => validOverrides(definition, given)).toThrow(
      expect.objectContaining({ name: 'InvalidParameterException', message: expect.stringContaining(message) }),
    );
  });
});
