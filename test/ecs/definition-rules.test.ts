import { describe, expect, it } from 'vitest';
import { suitsFargate, violations } from '../../api/ecs/task-definition/validate.ts';
import { bridge, fargate, fargateContainer, type Registration, role } from './definition-support.ts';

const app = { name: 'app', image: 'busybox' };
const awslogs = { 'awslogs-region': 'us-east-1', 'awslogs-group': 'g', 'awslogs-stream-prefix': 'p' };
const ecr = '000000000000.dkr.ecr.us-east-1.amazonaws.com/app:1';
const efs = { fileSystemId: 'fs-0123456789abcdef0' };
const health = { command: ['CMD-SHELL', 'true'] };
const volumes = [{ name: 'data' }];

const first = (registration: Registration) => violations(registration).next().value;

describe('a registration is accepted', () => {
  it.each<[string, Registration]>([
    ['with the least', fargate()],
    ['on a bridge', bridge()],
    [
      'with ports tcp and udp of one number',
      fargateContainer({ portMappings: [{ containerPort: 53 }, { containerPort: 53, protocol: 'udp' }] }),
    ],
    [
      'with a port range',
      fargateContainer({ portMappings: [{ containerPortRange: '8000-8010' }, { containerPort: 80 }] }),
    ],
    [
      'with matching host ports',
      fargateContainer({ portMappings: [{ containerPort: 80, hostPort: 80, name: 'http', appProtocol: 'http' }] }),
    ],
    ['with host port 0', fargateContainer({ portMappings: [{ containerPort: 80, hostPort: 0 }] })],
    [
      'with awslogs and a role',
      fargateContainer({ logConfiguration: { logDriver: 'awslogs', options: awslogs } }, { executionRoleArn: role }),
    ],
    ['with an ECR image and a role', fargateContainer({ image: ecr }, { executionRoleArn: role })],
    ['with a role by name', fargate({ taskRoleArn: 'task', executionRoleArn: 'execution' })],
    [
      'with SYS_PTRACE',
      fargateContainer({
        linuxParameters: { capabilities: { add: ['SYS_PTRACE'], drop: ['ALL'] }, initProcessEnabled: true },
      }),
    ],
    [
      'with tmpfs',
      fargateContainer({ linuxParameters: { tmpfs: [{ containerPath: '/tmp', size: 64, mountOptions: ['noexec'] }] } }),
    ],
    [
      'with kernel parameters',
      fargateContainer({ systemControls: [{ namespace: 'net.core.somaxconn', value: '1024' }] }),
    ],
    ['with ulimits', fargateContainer({ ulimits: [{ name: 'nofile', softLimit: 1024, hardLimit: 1048576 }] })],
    [
      'with a volume',
      fargateContainer({ mountPoints: [{ sourceVolume: 'data', containerPath: '/data' }] }, { volumes }),
    ],
    [
      'with EFS',
      fargate({
        volumes: [
          {
            name: 'efs',
            efsVolumeConfiguration: {
              ...efs,
              transitEncryption: 'ENABLED',
              authorizationConfig: { iam: 'ENABLED', accessPointId: 'fsap-1' },
            },
          },
        ],
      }),
    ],
    [
      'with ordered containers',
      fargate({
        containerDefinitions: [
          {
            ...app,
            dependsOn: [
              { containerName: 'init', condition: 'SUCCESS' },
              { containerName: 'db', condition: 'HEALTHY' },
            ],
          },
          { name: 'init', image: 'i', essential: false },
          { name: 'db', image: 'd', healthCheck: health },
        ],
      }),
    ],
    [
      'with a log router',
      fargate({
        containerDefinitions: [
          { ...app, logConfiguration: { logDriver: 'awsfirelens' } },
          {
            name: 'router',
            image: 'r',
            firelensConfiguration: {
              type: 'fluentbit',
              options: { 'config-file-type': 'file', 'config-file-value': '/x' },
            },
          },
        ],
      }),
    ],
    [
      'with fractions that fill the task',
      fargate({
        containerDefinitions: [
          { ...app, cpu: 128, memory: 256 },
          { name: 'b', image: 'b', cpu: 128, memory: 256 },
        ],
      }),
    ],
    ['with pidMode task', fargate({ pidMode: 'task' })],
    ['with ephemeral storage', fargate({ ephemeralStorage: { sizeInGiB: 21 } })],
    [
      'with a restart policy',
      fargateContainer({ restartPolicy: { enabled: true, ignoredExitCodes: [0], restartAttemptPeriod: 60 } }),
    ],
    [
      'with secrets and a role',
      fargateContainer(
        { secrets: [{ name: 'S', valueFrom: 'arn:aws:ssm:us-east-1:000000000000:parameter/s' }] },
        { executionRoleArn: role },
      ),
    ],
    [
      'with an environment file',
      fargateContainer(
        { environmentFiles: [{ type: 's3', value: 'arn:aws:s3:::bucket/app.env' }] },
        { executionRoleArn: role },
      ),
    ],
    ['with a stop timeout of 120', fargateContainer({ stopTimeout: 120, startTimeout: 2 })],
    [
      'for Windows',
      fargate({
        cpu: '1024',
        memory: '2048',
        runtimePlatform: { operatingSystemFamily: 'WINDOWS_SERVER_2022_CORE', cpuArchitecture: 'X86_64' },
      }),
    ],
    ['for Arm', fargate({ runtimePlatform: { operatingSystemFamily: 'LINUX', cpuArchitecture: 'ARM64' } })],
  ])('%s', (_, registration) => expect([...violations(registration)]).toEqual([]));
});

describe('a registration is refused for', () => {
  it.each<[string, Registration, string | RegExp]>([
    ['no family', fargate({ family: '' }), 'Family should not be null or empty.'],
    ['a bad family', fargate({ family: 'a b' }), 'Family contains invalid characters.'],
    ['no containers', fargate({ containerDefinitions: [] }), 'Container list cannot be empty.'],
    [
      'too many containers',
      fargate({ containerDefinitions: Array.from({ length: 11 }, (_, n) => ({ ...app, name: `c${n}` })) }),
      /at most 10 containers/,
    ],
    [
      'no container name',
      fargate({ containerDefinitions: [{ image: 'i' }] }),
      'Container.name should not be null or empty.',
    ],
    ['a bad container name', fargateContainer({ name: 'a.b' }), 'Container.name contains invalid characters.'],
    ['no image', fargate({ containerDefinitions: [{ name: 'app' }] }), 'Container.image should not be null or empty.'],
    ['a bad image', fargateContainer({ image: 'a b' }), 'Container.image contains invalid characters.'],
    ['two containers of one name', fargate({ containerDefinitions: [app, app] }), /must be unique: 'app'/],
    [
      'no essential container',
      fargateContainer({ essential: false }),
      "Task definition doesn't have any essential container.",
    ],
    [
      'its size',
      fargateContainer({ command: ['x'.repeat(70_000)] }),
      /^Actual length: '\d+'. Max allowed length is '65536' bytes.$/,
    ],
    [
      'network mode bridge on Fargate',
      fargate({ networkMode: 'bridge' }),
      'Fargate only supports network mode ‘awsvpc’.',
    ],
    ['no network mode on Fargate', fargate({ networkMode: undefined }), 'Fargate only supports network mode ‘awsvpc’.'],
    ['no cpu on Fargate', fargate({ cpu: undefined }), "Fargate requires that 'cpu' be defined at the task level."],
    [
      'no memory on Fargate',
      fargate({ memory: undefined }),
      "Fargate requires that 'memory' be defined at the task level.",
    ],
    [
      'a size that Fargate has not',
      fargate({ cpu: '4096', memory: '4096' }),
      /^No Fargate configuration exists for given values: 4096 CPU, 4096 memory/,
    ],
    ['an unreadable cpu', fargate({ cpu: 'much' }), /^Invalid 'cpu' setting for task/],
    ['an unreadable memory', fargate({ memory: 'much' }), /^Invalid 'memory' setting for task/],
    ['ipcMode', fargate({ ipcMode: 'task' }), 'Tasks using the Fargate launch type do not support ipcMode.'],
    [
      'pidMode host',
      fargate({ pidMode: 'host' }),
      "Tasks using the Fargate launch type do not support pidMode 'host'. The supported value for pidMode is 'task'.",
    ],
    [
      'little ephemeral storage',
      fargate({ ephemeralStorage: { sizeInGiB: 20 } }),
      'EphemeralStorage size should be at least 21',
    ],
    [
      'much ephemeral storage',
      fargate({ ephemeralStorage: { sizeInGiB: 201 } }),
      'EphemeralStorage size should be at most 200',
    ],
    [
      'placement constraints',
      fargate({ placementConstraints: [{ type: 'memberOf', expression: 'a == b' }] }),
      /placement constraints/,
    ],
    [
      'an ECR image without a role',
      fargateContainer({ image: ecr }),
      'Fargate requires task definition to have execution role ARN to support ECR images.',
    ],
    [
      'awslogs without a role',
      fargateContainer({ logConfiguration: { logDriver: 'awslogs', options: awslogs } }),
      'Fargate requires task definition to have execution role ARN to support log driver awslogs.',
    ],
    [
      'awslogs without options',
      fargateContainer({ logConfiguration: { logDriver: 'awslogs', options: { 'awslogs-stream-prefix': 'p' } } }),
      'Log driver awslogs requires options: awslogs-region, awslogs-group',
    ],
    [
      'awslogs without a group',
      fargateContainer({ logConfiguration: { logDriver: 'awslogs', options: { ...awslogs, 'awslogs-group': '' } } }),
      'Log driver awslogs requires options: awslogs-group',
    ],
    [
      'awslogs without a stream prefix',
      fargateContainer({
        logConfiguration: { logDriver: 'awslogs', options: { ...awslogs, 'awslogs-stream-prefix': '' } },
      }),
      /awslogs-stream-prefix/,
    ],
    [
      'an unknown awslogs option',
      fargateContainer({ logConfiguration: { logDriver: 'awslogs', options: { ...awslogs, colour: 'red' } } }),
      'Log driver awslogs disallows options: colour',
    ],
    [
      'a bad log mode',
      fargateContainer({
        logConfiguration: { logDriver: 'splunk', options: { 'splunk-url': 'u', 'splunk-token': 't', mode: 'x' } },
      }),
      /option mode/,
    ],
    [
      'splunk without a token',
      fargateContainer({ logConfiguration: { logDriver: 'splunk', options: { 'splunk-url': 'u' } } }),
      'Log driver splunk requires options: splunk-token',
    ],
    [
      'a log driver that Fargate has not',
      fargateContainer({ logConfiguration: { logDriver: 'json-file' } }),
      /do not support log driver 'json-file'/,
    ],
    [
      'awsfirelens without a router',
      fargateContainer({ logConfiguration: { logDriver: 'awsfirelens' } }),
      /firelensConfiguration object must be specified/,
    ],
    [
      'a router that nobody uses',
      fargateContainer({ firelensConfiguration: { type: 'fluentd' } }),
      /at least one container must be configured with the awsfirelens log driver/,
    ],
    [
      'secrets without a role',
      fargateContainer({ secrets: [{ name: 'S', valueFrom: 's' }] }),
      "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.",
    ],
    [
      'a secret that is a variable too',
      fargateContainer(
        { environment: [{ name: 'S', value: '1' }], secrets: [{ name: 'S', valueFrom: 's' }] },
        { executionRoleArn: role },
      ),
      /such as 'S'/,
    ],
    [
      'an environment file without a role',
      fargateContainer({ environmentFiles: [{ type: 's3', value: 'arn:aws:s3:::b/a.env' }] }),
      /environment files\.$/,
    ],
    [
      'an environment file of another name',
      fargateContainer({ environmentFiles: [{ type: 's3', value: 'arn:aws:s3:::b/a.txt' }] }),
      /ending in .env/,
    ],
    [
      'host ports that differ',
      fargateContainer({ portMappings: [{ containerPort: 80, hostPort: 8080 }] }),
      'When networkMode=awsvpc, the host ports and container ports in port mappings must match.',
    ],
    [
      'port 0',
      fargateContainer({ portMappings: [{ containerPort: 0 }] }),
      "Invalid 'containerPort' setting for container 'app'.",
    ],
    [
      'no port',
      fargateContainer({ portMappings: [{ protocol: 'tcp' }] }),
      "Invalid 'containerPort' setting for container 'app'.",
    ],
    [
      'port 65536',
      fargateContainer({ portMappings: [{ containerPort: 65536 }] }),
      "Invalid 'containerPort' setting for container 'app'.",
    ],
    [
      'a port taken twice',
      fargate({
        containerDefinitions: [
          { ...app, portMappings: [{ containerPort: 3000 }] },
          { name: 'b', image: 'b', portMappings: [{ containerPort: 3000 }] },
        ],
      }),
      "TCP host port '3000' is mapped multiple times in task.",
    ],
    [
      'a port in a range taken',
      fargateContainer({
        portMappings: [
          { containerPortRange: '80-90', protocol: 'udp' },
          { containerPort: 85, protocol: 'udp' },
        ],
      }),
      "UDP host port '85' is mapped multiple times in task.",
    ],
    [
      'a range upside down',
      fargateContainer({ portMappings: [{ containerPortRange: '90-80' }] }),
      /containerPortRange/,
    ],
    [
      'a bad port name',
      fargateContainer({ portMappings: [{ containerPort: 80, name: '-Web' }] }),
      /Not a valid port name/,
    ],
    [
      'a port name taken twice',
      fargateContainer({
        portMappings: [
          { containerPort: 80, name: 'a' },
          { containerPort: 81, name: 'a' },
        ],
      }),
      /Port mapping names must be unique/,
    ],
    ['a health check without command', fargateContainer({ healthCheck: { command: ['curl'] } }), /must start with CMD/],
    [
      'a health check interval',
      fargateContainer({ healthCheck: { ...health, interval: 4 } }),
      /healthCheck.interval.* from 5 to 300/,
    ],
    [
      'a health check timeout',
      fargateContainer({ healthCheck: { ...health, timeout: 61 } }),
      /healthCheck.timeout.* from 2 to 60/,
    ],
    [
      'health check retries',
      fargateContainer({ healthCheck: { ...health, retries: 11 } }),
      /healthCheck.retries.* from 1 to 10/,
    ],
    [
      'a health check start period',
      fargateContainer({ healthCheck: { ...health, startPeriod: 301 } }),
      /healthCheck.startPeriod.* from 0 to 300/,
    ],
    [
      'an unknown dependency',
      fargateContainer({ dependsOn: [{ containerName: 'x', condition: 'START' }] }),
      "Cannot depend on container + 'x' because it does not exist",
    ],
    [
      'a dependency on itself',
      fargateContainer({ dependsOn: [{ containerName: 'app', condition: 'START' }] }),
      /cannot depend on itself/,
    ],
    [
      'the end of an essential container',
      fargate({
        containerDefinitions: [
          { ...app, dependsOn: [{ containerName: 'b', condition: 'COMPLETE' }] },
          { name: 'b', image: 'b' },
        ],
      }),
      'A dependency container with SUCCESS or COMPLETE condition cannot be an essential container',
    ],
    [
      'the health of an unchecked container',
      fargate({
        containerDefinitions: [
          { ...app, dependsOn: [{ containerName: 'b', condition: 'HEALTHY' }] },
          { name: 'b', image: 'b' },
        ],
      }),
      'A dependency container with HEALTHY condition must have health check configured',
    ],
    [
      'a cycle',
      fargate({
        containerDefinitions: [
          { ...app, dependsOn: [{ containerName: 'b', condition: 'START' }] },
          { name: 'b', image: 'b', dependsOn: [{ containerName: 'c', condition: 'START' }] },
          { name: 'c', image: 'c', volumesFrom: [{ sourceContainer: 'app' }] },
        ],
      }),
      'Container dependencies must not form a cycle: app -> b -> c -> app',
    ],
    [
      'a short start timeout',
      fargateContainer({ startTimeout: 1 }),
      "Granular start timeout on container 'app' must be at least 2 seconds.",
    ],
    [
      'a long stop timeout',
      fargateContainer({ stopTimeout: 121 }),
      'Tasks using the Fargate launch type must have a container stop timeout of less than 120 seconds.',
    ],
    ['a capability', fargateContainer({ linuxParameters: { capabilities: { add: ['NET_ADMIN'] } } }), /SYS_PTRACE/],
    [
      'an unknown capability',
      fargateContainer({ linuxParameters: { capabilities: { drop: ['FLY'] } } }),
      /Unknown capability: FLY/,
    ],
    [
      'devices',
      fargateContainer({ linuxParameters: { devices: [{ hostPath: '/dev/kvm' }] } }),
      /linuxParameters.devices/,
    ],
    [
      'shared memory',
      fargateContainer({ linuxParameters: { sharedMemorySize: 64 } }),
      /linuxParameters.sharedMemorySize/,
    ],
    ['swap', fargateContainer({ linuxParameters: { maxSwap: 64 } }), /linuxParameters.maxSwap/],
    [
      'a soft limit over the hard one',
      fargateContainer({ ulimits: [{ name: 'nofile', softLimit: 2, hardLimit: 1 }] }),
      /soft limit/,
    ],
    [
      'too many files',
      fargateContainer({ ulimits: [{ name: 'nofile', softLimit: 1, hardLimit: 1048577 }] }),
      /1048576/,
    ],
    [
      'a parameter of the whole host',
      fargateContainer({ systemControls: [{ namespace: 'vm.swappiness', value: '1' }] }),
      /Not a namespaced kernel parameter/,
    ],
    ['privileged', fargateContainer({ privileged: true }), /privileged/],
    [
      'a hostname',
      fargateContainer({ hostname: 'h' }),
      'hostname is not supported on container when networkMode=awsvpc.',
    ],
    ['links', fargateContainer({ links: ['b'] }), /^links is not supported/],
    [
      'extra hosts',
      fargateContainer({ extraHosts: [{ hostname: 'h', ipAddress: '1.2.3.4' }] }),
      /^extraHosts is not supported/,
    ],
    [
      'a GPU',
      fargateContainer({ resourceRequirements: [{ type: 'GPU', value: '1' }] }),
      'Tasks using the Fargate launch type do not support GPU resource requirements',
    ],
    [
      'an unknown volume',
      fargateContainer({ mountPoints: [{ sourceVolume: 'x', containerPath: '/x' }] }),
      "Unknown volume 'x'.",
    ],
    ['a host path', fargate({ volumes: [{ name: 'v', host: { sourcePath: '/' } }] }), /host.sourcePath/],
    ['a Docker volume', fargate({ volumes: [{ name: 'v', dockerVolumeConfiguration: {} }] }), /Docker volumes/],
    ['a volume twice', fargate({ volumes: [...volumes, ...volumes] }), "Duplicate volume name 'data'."],
    [
      'a volume of two kinds',
      fargate({ volumes: [{ name: 'v', efsVolumeConfiguration: efs, configuredAtLaunch: true }] }),
      /more than one configuration/,
    ],
    [
      'EFS IAM without encryption',
      fargate({
        volumes: [{ name: 'v', efsVolumeConfiguration: { ...efs, authorizationConfig: { iam: 'ENABLED' } } }],
      }),
      /transit encryption must be enabled/,
    ],
    [
      'volumes from an unknown container',
      fargateContainer({ volumesFrom: [{ sourceContainer: 'x' }] }),
      /Unknown container 'x'/,
    ],
    [
      'a container with more memory than the task',
      fargateContainer({ memory: 513 }),
      /^The 'memory' setting for container is greater than for the task/,
    ],
    [
      'containers with more memory than the task',
      fargate({
        containerDefinitions: [
          { ...app, memory: 300 },
          { name: 'b', image: 'b', memory: 300 },
        ],
      }),
      /The sum of all container 'memory' values/,
    ],
    [
      'containers with more cpu than the task',
      fargate({
        containerDefinitions: [
          { ...app, cpu: 200 },
          { name: 'b', image: 'b', cpu: 200 },
        ],
      }),
      "The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu'.",
    ],
    [
      'less memory than its reservation',
      fargateContainer({ memory: 64, memoryReservation: 128 }),
      /must not be less than 'memoryReservation'/,
    ],
    [
      'no memory anywhere',
      bridge({ memory: undefined }),
      "Invalid setting for container 'app'. At least one of 'memory' or 'memoryReservation' must be specified.",
    ],
    ['a role that is none', fargate({ taskRoleArn: 'arn:aws:iam::1:user/x' }), 'Role is not valid'],
    [
      'a restart period',
      fargateContainer({ restartPolicy: { enabled: true, restartAttemptPeriod: 59 } }),
      /60 to 1800/,
    ],
    [
      'a small Windows task',
      fargate({ runtimePlatform: { operatingSystemFamily: 'WINDOWS_SERVER_2022_CORE' } }),
      /^No Fargate configuration/,
    ],
    [
      'an old Windows',
      fargate({ cpu: '1024', memory: '2048', runtimePlatform: { operatingSystemFamily: 'WINDOWS_SERVER_2016_FULL' } }),
      /operating system family/,
    ],
    ['a proxy container that is none', fargate({ proxyConfiguration: { containerName: 'x' } }), /Proxy container 'x'/],
    ['EXTERNAL with awsvpc', fargate({ requiresCompatibilities: ['EXTERNAL'] }), /External/],
  ])('%s', (_, registration, message) => {
    if (typeof message === 'string') expect(first(registration)).toBe(message);
    else expect(first(registration)).toMatch(message);
  });
});

describe('compatibility', () => {
  it('with Fargate is seen without being required', () => {
    expect(suitsFargate(fargate({ requiresCompatibilities: undefined }))).toBe(true);
    expect(suitsFargate(fargate({ requiresCompatibilities: ['EC2'], cpu: undefined }))).toBe(false);
    expect(suitsFargate(bridge())).toBe(false);
  });

  it('with EC2 alone allows what Fargate has not', () => {
    const registration = bridge({
      privileged: true,
      links: ['other'],
      hostname: 'h',
      portMappings: [{ containerPort: 80 }],
    });
    expect([...violations(registration)]).toEqual([]);
  });
});
