/** What a request about a service may say and Longshore cannot do: refused by name, never dropped. */
import type { CreateServiceRequest, UpdateServiceRequest } from '@aws-sdk/client-ecs';
import { invalidParameter, unsupportedFeature } from '../errors.ts';

type Asked = Pick<
  CreateServiceRequest & UpdateServiceRequest,
  | 'loadBalancers'
  | 'serviceRegistries'
  | 'serviceConnectConfiguration'
  | 'volumeConfigurations'
  | 'vpcLatticeConfigurations'
  | 'gatewayConnectors'
  | 'monitoring'
  | 'placementConstraints'
  | 'placementStrategy'
>;

/** @throws InvalidParameterException for what does not exist here, UnsupportedFeatureException for what is not built */
export function refuseUnbuiltService(input: Asked): void {
  const [balancer] = input.loadBalancers ?? [];
  if (balancer)
    throw invalidParameter(
      `${balancer.targetGroupArn ? `The specified target group does not exist: ${balancer.targetGroupArn}.` : 'The specified load balancer does not exist.'} ` +
        'This endpoint has no load balancers: leave loadBalancers out, and reach tasks at their private addresses.',
    );
  const [registry] = input.serviceRegistries ?? [];
  if (registry)
    throw invalidParameter(
      `The specified service registry does not exist: ${registry.registryArn ?? ''}. ` +
        'This endpoint has no AWS Cloud Map: leave serviceRegistries out.',
    );
  if (input.serviceConnectConfiguration?.enabled)
    throw unsupportedFeature(
      'Service Connect is not supported: this endpoint has no AWS Cloud Map namespaces. ' +
        'Leave serviceConnectConfiguration out, or set its enabled to false.',
    );
  if (input.volumeConfigurations?.length)
    throw unsupportedFeature(
      'Amazon EBS volumes, which are configured at launch, are not supported. ' +
        'Leave volumeConfigurations out, and use bind or EFS volumes in the task definition.',
    );
  if (input.vpcLatticeConfigurations?.length)
    throw unsupportedFeature('Amazon VPC Lattice is not supported. Leave vpcLatticeConfigurations out.');
  if (input.gatewayConnectors?.length) throw unsupportedFeature('gatewayConnectors are not supported. Leave them out.');
  if (input.monitoring?.metricConfigurations?.length)
    throw unsupportedFeature('monitoring is not supported: this endpoint has no metrics. Leave it out.');
  if (input.placementConstraints?.length)
    throw invalidParameter('Placement constraints are not supported with FARGATE launch type.');
  if (input.placementStrategy?.length)
    throw invalidParameter('Placement strategies are not supported with FARGATE launch type.');
}
