import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normalise } from '../../api/ecs/task-definition/normalise.ts';
import { violations } from '../../api/ecs/task-definition/validate.ts';
import type { Registration } from './definition-support.ts';

const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const name = fc.constantFrom('', 'a', 'b', 'c', 'a b', 'constructor', '__proto__');
const number = fc.constantFrom(-1, 0, 1, 6, 80, 512, 65_536, 2 ** 31);
const some = <T>(value: fc.Arbitrary<T>) => maybe(fc.array(value, { maxLength: 3 }));
const options = maybe(fc.dictionary(fc.constantFrom('awslogs-group', 'mode', 'constructor', 'toString', 'x'), name));

const container = fc.record({
  name: maybe(name),
  image: maybe(name),
  cpu: maybe(number),
  memory: maybe(number),
  memoryReservation: maybe(number),
  essential: maybe(fc.boolean()),
  links: some(name),
  portMappings: some(
    fc.record({
      containerPort: maybe(number),
      hostPort: maybe(number),
      containerPortRange: maybe(fc.constantFrom('', '1-2', '2-1', '80-90')),
      protocol: maybe(fc.constantFrom('tcp' as const, 'udp' as const)),
      name: maybe(name),
    }),
  ),
  environment: some(fc.record({ name: maybe(name), value: maybe(name) })),
  secrets: some(fc.record({ name, valueFrom: name })),
  mountPoints: some(fc.record({ sourceVolume: maybe(name), containerPath: maybe(name) })),
  volumesFrom: some(fc.record({ sourceContainer: maybe(name) })),
  dependsOn: some(
    fc.record({
      containerName: name,
      condition: fc.constantFrom('START' as const, 'HEALTHY' as const, 'SUCCESS' as const),
    }),
  ),
  healthCheck: maybe(fc.record({ command: fc.array(name), interval: maybe(number) })),
  logConfiguration: maybe(
    fc.record({ logDriver: fc.constantFrom('awslogs' as const, 'awsfirelens' as const, 'splunk' as const), options }),
  ),
  firelensConfiguration: maybe(fc.record({ type: fc.constant('fluentbit' as const), options })),
  linuxParameters: maybe(fc.record({ capabilities: maybe(fc.record({ add: some(name) })) })),
});

const registration: fc.Arbitrary<Registration> = fc.record({
  family: name,
  networkMode: maybe(fc.constantFrom('awsvpc' as const, 'bridge' as const, 'host' as const, 'none' as const)),
  requiresCompatibilities: some(fc.constantFrom('FARGATE' as const, 'EC2' as const, 'EXTERNAL' as const)),
  cpu: maybe(fc.constantFrom('', '256', '1 vCPU', 'x')),
  memory: maybe(fc.constantFrom('', '512', '2GB', 'x')),
  containerDefinitions: fc.array(container, { maxLength: 4 }),
  volumes: some(fc.record({ name: maybe(name), host: maybe(fc.record({ sourcePath: maybe(name) })) })),
});

describe('any registration', () => {
  it('is judged and can be described without a fault', () => {
    fc.assert(
      fc.property(registration, (given) => {
        for (const message of violations(given)) expect(message).not.toBe('');
        expect(normalise(given, 'me').containerDefinitions).toHaveLength(given.containerDefinitions?.length ?? 0);
      }),
      { numRuns: 500 },
    );
  });
});
