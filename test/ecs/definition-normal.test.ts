import { describe, expect, it } from 'vitest';
import { normalise } from '../../api/ecs/task-definition/normalise.ts';
import { bridge, fargate, fargateContainer, role } from './definition-support.ts';

const caller = 'arn:aws:iam::000000000000:root';

describe('what is stored of a registration', () => {
  it('has the defaults of ECS', () => {
    expect(normalise(fargate({ cpu: '.25 vCPU', memory: '0.5 GB' }), caller)).toEqual({
      family: 'web',
      networkMode: 'awsvpc',
      requiresCompatibilities: ['FARGATE'],
      compatibilities: ['EC2', 'MANAGED_INSTANCES', 'FARGATE'],
      cpu: '256',
      memory: '512',
      volumes: [],
      placementConstraints: [],
      enableFaultInjection: false,
      registeredBy: caller,
      requiresAttributes: [
        { name: 'com.amazonaws.ecs.capability.docker-remote-api.1.18' },
        { name: 'ecs.capability.task-eni' },
      ],
      containerDefinitions: [
        {
          name: 'app',
          image: 'busybox',
          cpu: 0,
          essential: true,
          portMappings: [],
          environment: [],
          mountPoints: [],
          volumesFrom: [],
          systemControls: [],
        },
      ],
    });
  });

  it('has host ports, protocols and the numbers of health checks', () => {
    const registration = fargateContainer({
      portMappings: [{ containerPort: 80 }, { containerPortRange: '90-95', protocol: 'udp' }],
      healthCheck: { command: ['CMD', 'true'], startPeriod: 10 },
    });
    expect(normalise(registration, caller).containerDefinitions?.[0]).toMatchObject({
      portMappings: [
        { containerPort: 80, hostPort: 80, protocol: 'tcp' },
        { containerPortRange: '90-95', protocol: 'udp' },
      ],
      healthCheck: { command: ['CMD', 'true'], interval: 30, timeout: 5, retries: 3, startPeriod: 10 },
    });
  });

  it('leaves Fargate out where it could not run it', () => {
    expect(normalise(bridge({ portMappings: [{ containerPort: 80 }] }), caller)).toMatchObject({
      compatibilities: ['EXTERNAL', 'EC2'],
      containerDefinitions: [{ portMappings: [{ hostPort: 0 }] }],
    });
    expect(normalise(fargate({ requiresCompatibilities: undefined, cpu: undefined }), caller).compatibilities).toEqual([
      'EC2',
      'MANAGED_INSTANCES',
    ]);
  });

  it.each([
    ['LINUX', 'X86_64', ['EC2', 'FARGATE', 'MANAGED_INSTANCES']],
    ['LINUX', 'ARM64', ['EC2', 'FARGATE', 'MANAGED_INSTANCES']],
    ['WINDOWS_SERVER_2022_CORE', 'X86_64', ['EC2', 'FARGATE']],
  ] as const)('orders compatibilities as ECS does for %s on %s', (operatingSystemFamily, cpuArchitecture, expected) => {
    const registration = fargate({
      cpu: '1024',
      memory: '2048',
      runtimePlatform: { operatingSystemFamily, cpuArchitecture },
    });
    const { compatibilities, requiresAttributes } = normalise(registration, caller);
    expect(compatibilities).toEqual(expected);
    expect(requiresAttributes).toContainEqual({ name: 'com.amazonaws.ecs.capability.docker-remote-api.1.29' });
  });

  it('tells the capabilities that it needs', () => {
    const registration = fargateContainer(
      {
        image: '000000000000.dkr.ecr.us-east-1.amazonaws.com/app:1',
        healthCheck: { command: ['CMD', 'true'] },
        memoryReservation: 100,
        secrets: [{ name: 'S', valueFrom: 'arn:aws:secretsmanager:us-east-1:000000000000:secret:s' }],
      },
      { executionRoleArn: role, taskRoleArn: role },
    );
    const names = normalise(registration, caller).requiresAttributes?.map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining([
        'com.amazonaws.ecs.capability.ecr-auth',
        'ecs.capability.execution-role-ecr-pull',
        'ecs.capability.secrets.asm.environment-variables',
        'com.amazonaws.ecs.capability.task-iam-role',
        'com.amazonaws.ecs.capability.docker-remote-api.1.24',
        'com.amazonaws.ecs.capability.docker-remote-api.1.21',
      ]),
    );
    expect(new Set(names).size).toBe(names?.length);
  });
});
