/** ECS's words in the runtime's. */
import type { ContainerDefinition } from '@aws-sdk/client-ecs';
import { expect, test } from 'vitest';
import type { Task } from '../../core/task.ts';
import { containerConfig, sandboxConfig } from '../../worker/container-config.ts';

const task = {
  spec: {
    accountId: '000000000000',
    region: 'us-east-1',
    clusterName: 'c',
    taskId: '0123456789abcdef',
    cpu: 256,
    memory: 512,
  },
} as unknown as Task;

function controls(...names: readonly string[]): ContainerDefinition {
  return { name: 'app', image: 'i', systemControls: names.map((namespace) => ({ namespace, value: '1' })) };
}

test('kernel parameters of the network are the sandbox’s, others the container’s own', () => {
  const [one, other] = [
    controls('net.core.somaxconn', 'kernel.msgmax'),
    controls('fs.mqueue.msg_max', 'net.ipv4.ip_forward'),
  ];
  expect(sandboxConfig(task, [one, other]).sysctls).toEqual({ 'net.core.somaxconn': '1', 'net.ipv4.ip_forward': '1' });
  const image = { image: 'i', digest: '' };
  expect(containerConfig(task, one, image).sysctls).toEqual({ 'kernel.msgmax': '1' });
  expect(containerConfig(task, other, image).sysctls).toEqual({ 'fs.mqueue.msg_max': '1' });
  expect(containerConfig(task, controls('net.core.somaxconn'), image)).not.toHaveProperty('sysctls');
});
