import { describe, expect, it } from 'vitest';
import { taskView } from '../../api/ecs/task-view.ts';
import type { Task } from '../../core/task.ts';

const taskId = '0123456789abcdef0123456789abcdef';
const fresh: Task = {
  spec: {
    accountId: '111122223333',
    region: 'us-east-1',
    taskId,
    clusterName: 'main',
    family: 'web',
    revision: 7,
    group: 'family:web',
    cpu: 256,
    memory: 512,
    ephemeralStorageGiB: 20,
    platformVersion: '1.4.0',
    platformFamily: 'Linux',
    cpuArchitecture: 'X86_64',
    availabilityZone: 'us-east-1b',
    subnetId: 'subnet-0123456789abcdef0',
    securityGroups: [],
    assignPublicIp: false,
    attachmentId: 'b3f7a1d0-0000-4000-8000-000000000001',
    enableExecuteCommand: false,
    overrides: { containerOverrides: [{ name: 'app' }], inferenceAcceleratorOverrides: [] },
    containers: [
      {
        name: 'app',
        image: 'app:1',
        essential: true,
        id: 'b3f7a1d0-0000-4000-8000-000000000002',
        runtimeId: `${taskId}-0123456789`,
        cpu: 0,
        hasHealthCheck: false,
      },
    ],
    createdAt: 1_000_000,
    worker: 'somewhere',
  },
  wanted: { tags: [{ key: 'team', value: 'blue' }] },
  observed: { containers: {} },
  version: 1,
  revision: 1,
};
const networkInterface = {
  id: 'eni-0123456789abcdef0',
  macAddress: '0a:58:0a:d5:00:05',
  privateIpv4Address: '10.213.0.5',
  privateDnsName: 'ip-10-213-0-5.ec2.internal',
};

describe('taskView', () => {
  it('shows a task that was just placed, whole', () => {
    expect(taskView(fresh, { tags: true })).toEqual({
      attachments: [
        {
          id: fresh.spec.attachmentId,
          type: 'ElasticNetworkInterface',
          status: 'PRECREATED',
          details: [{ name: 'subnetId', value: 'subnet-0123456789abcdef0' }],
        },
      ],
      attributes: [{ name: 'ecs.cpu-architecture', value: 'x86_64' }],
      availabilityZone: 'us-east-1b',
      clusterArn: 'arn:aws:ecs:us-east-1:111122223333:cluster/main',
      containers: [
        {
          containerArn: `arn:aws:ecs:us-east-1:111122223333:container/main/${taskId}/b3f7a1d0-0000-4000-8000-000000000002`,
          taskArn: `arn:aws:ecs:us-east-1:111122223333:task/main/${taskId}`,
          name: 'app',
          image: 'app:1',
          lastStatus: 'PENDING',
          networkBindings: [],
          networkInterfaces: [],
          healthStatus: 'UNKNOWN',
          cpu: '0',
        },
      ],
      cpu: '256',
      createdAt: new Date(1_000_000),
      desiredStatus: 'RUNNING',
      enableExecuteCommand: false,
      ephemeralStorage: { sizeInGiB: 20 },
      fargateEphemeralStorage: { sizeInGiB: 20 },
      group: 'family:web',
      healthStatus: 'UNKNOWN',
      inferenceAccelerators: [],
      lastStatus: 'PROVISIONING',
      launchType: 'FARGATE',
      memory: '512',
      overrides: { containerOverrides: [{ name: 'app' }], inferenceAcceleratorOverrides: [] },
      platformFamily: 'Linux',
      platformVersion: '1.4.0',
      tags: [{ key: 'team', value: 'blue' }],
      taskArn: `arn:aws:ecs:us-east-1:111122223333:task/main/${taskId}`,
      taskDefinitionArn: 'arn:aws:ecs:us-east-1:111122223333:task-definition/web:7',
      version: 1,
    });
  });

  it('shows the details of the interface in order once it is there', () => {
    const view = taskView({ ...fresh, observed: { networkInterface, containers: {} } }, { tags: false });
    expect(view.attachments?.[0]).toMatchObject({ status: 'ATTACHED' });
    expect(view.attachments?.[0]?.details).toEqual([
      { name: 'subnetId', value: 'subnet-0123456789abcdef0' },
      { name: 'networkInterfaceId', value: 'eni-0123456789abcdef0' },
      { name: 'macAddress', value: '0a:58:0a:d5:00:05' },
      { name: 'privateDnsName', value: 'ip-10-213-0-5.ec2.internal' },
      { name: 'privateIPv4Address', value: '10.213.0.5' },
    ]);
    expect(view.containers?.[0]?.networkInterfaces).toEqual([
      { attachmentId: fresh.spec.attachmentId, privateIpv4Address: '10.213.0.5' },
    ]);
    expect(view.lastStatus).toBe('PENDING');
  });

  it('shows a task that ended by itself, with every time', () => {
    const ended: Task = {
      ...fresh,
      spec: {
        ...fresh.spec,
        cpuArchitecture: 'ARM64',
        capacityProviderName: 'FARGATE_SPOT',
        startedBy: 'nightly',
        ephemeralStorageGiB: 30,
        containers: fresh.spec.containers.map((container) => ({
          ...container,
          cpu: 64,
          memory: 128,
          memoryReservation: 100,
        })),
      },
      observed: {
        networkInterface,
        connectivityAt: 2000,
        pullStartedAt: 3000,
        pullStoppedAt: 4000,
        startedAt: 5000,
        stop: { code: 'EssentialContainerExited', reason: 'Essential container in task exited', at: 6000 },
        stoppingAt: 6000,
        executionStoppedAt: 6000,
        deprovisioningAt: 7000,
        stoppedAt: 8000,
        containers: {
          app: {
            imageDigest: 'sha256:ab',
            startedAt: 5000,
            finishedAt: 6000,
            exitCode: 0,
            reason: 'OutOfMemoryError: x',
          },
        },
      },
      version: 6,
    };
    const view = taskView(ended, { tags: false });
    expect(view).toMatchObject({
      attributes: [{ name: 'ecs.cpu-architecture', value: 'arm64' }],
      attachments: [{ status: 'DELETED' }],
      capacityProviderName: 'FARGATE_SPOT',
      connectivity: 'CONNECTED',
      connectivityAt: new Date(2000),
      desiredStatus: 'STOPPED',
      ephemeralStorage: { sizeInGiB: 30 },
      executionStoppedAt: new Date(6000),
      fargateEphemeralStorage: { sizeInGiB: 30 },
      lastStatus: 'STOPPED',
      launchType: 'FARGATE',
      pullStartedAt: new Date(3000),
      pullStoppedAt: new Date(4000),
      startedAt: new Date(5000),
      startedBy: 'nightly',
      stopCode: 'EssentialContainerExited',
      stoppedAt: new Date(8000),
      stoppedReason: 'Essential container in task exited',
      stoppingAt: new Date(6000),
      tags: [],
      version: 6,
      containers: [
        {
          imageDigest: 'sha256:ab',
          lastStatus: 'STOPPED',
          exitCode: 0,
          reason: 'OutOfMemoryError: x',
          cpu: '64',
          memory: '128',
          memoryReservation: '100',
        },
      ],
    });
  });

  it('never tells which worker holds the task', () => {
    expect(JSON.stringify(taskView(fresh, { tags: true }))).not.toContain('somewhere');
  });
});
