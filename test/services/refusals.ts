/** What CreateService refuses: what is asked, the error, and what its message says, how to ask instead among it. */
import type { CreateServiceRequest } from '@aws-sdk/client-ecs';

export const refusals: readonly [
  what: string,
  input: Partial<CreateServiceRequest>,
  error: string,
  message: string | RegExp,
][] = [
  ['no cluster', { cluster: 'none' }, 'ClusterNotFoundException', 'Cluster not found.'],
  ['no definition', { taskDefinition: 'none' }, 'ClientException', 'TaskDefinition not found.'],
  ['a bad name', { serviceName: 'a b' }, 'InvalidParameterException', /service name is invalid/],
  ['no count', { desiredCount: undefined }, 'InvalidParameterException', /desired count must be specified/],
  ['a negative count', { desiredCount: -1 }, 'InvalidParameterException', /must not be negative/],
  [
    'no network',
    { networkConfiguration: undefined },
    'InvalidParameterException',
    /Network Configuration must be provided/,
  ],
  ['EC2', { launchType: 'EC2' }, 'InvalidParameterException', 'No Container Instances were found in your cluster.'],
  ['a daemon', { schedulingStrategy: 'DAEMON' }, 'InvalidParameterException', /DAEMON scheduling strategy/],
  [
    'CodeDeploy',
    { deploymentController: { type: 'CODE_DEPLOY' } },
    'UnsupportedFeatureException',
    /Use the ECS controller/,
  ],
  [
    'a target group',
    {
      loadBalancers: [{ targetGroupArn: 'arn:aws:elasticloadbalancing:x', containerName: 'app', containerPort: 80 }],
    },
    'InvalidParameterException',
    /target group does not exist: arn:aws:elasticloadbalancing:x\..*leave loadBalancers out/,
  ],
  [
    'a registry',
    { serviceRegistries: [{ registryArn: 'arn:x' }] },
    'InvalidParameterException',
    /registry does not exist: arn:x\..*leave serviceRegistries out/,
  ],
  [
    'Service Connect',
    { serviceConnectConfiguration: { enabled: true } },
    'UnsupportedFeatureException',
    /set its enabled to false/,
  ],
  [
    'Exec without a role',
    { enableExecuteCommand: true },
    'InvalidParameterException',
    /^The service couldn't be created because a valid taskRoleArn is not being used\./,
  ],
  [
    'volumes',
    { volumeConfigurations: [{ name: 'data' }] },
    'UnsupportedFeatureException',
    /EBS.*Leave volumeConfigurations out/,
  ],
  ['a role', { role: 'ecsServiceRole' }, 'InvalidParameterException', /service linked role/],
  [
    'alarms',
    { deploymentConfiguration: { alarms: { alarmNames: ['a'], enable: true, rollback: true } } },
    'UnsupportedFeatureException',
    /Leave alarms out/,
  ],
  [
    'a standstill',
    { deploymentConfiguration: { maximumPercent: 100, minimumHealthyPercent: 100 } },
    'InvalidParameterException',
    /block deployments/,
  ],
  [
    'a function that nobody runs',
    {
      deploymentConfiguration: {
        strategy: 'BLUE_GREEN',
        lifecycleHooks: [
          { hookTargetArn: 'arn:aws:lambda:us-east-1:000000000000:function:f', lifecycleStages: ['PRE_SCALE_UP'] },
        ],
      },
    },
    'UnsupportedFeatureException',
    /LONGSHORE_LAMBDA_ENDPOINT/,
  ],
  [
    'a canary without its strategy',
    { deploymentConfiguration: { canaryConfiguration: { canaryPercent: 5 } } },
    'InvalidParameterException',
    /strategy is CANARY/,
  ],
  ['reserved tags', { tags: [{ key: 'aws:x', value: 'y' }] }, 'InvalidParameterException', /reserved/],
];
