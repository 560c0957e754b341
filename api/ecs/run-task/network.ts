/** The network that a task asks for. There is no VPC to look into: an id that could exist is taken to exist. */
import type { NetworkConfiguration } from '@aws-sdk/client-ecs';
import { invalidParameter } from '../errors.ts';

export interface TaskNetwork {
  readonly subnets: readonly string[];
  readonly securityGroups: readonly string[];
  readonly assignPublicIp: boolean;
}

const most = { subnets: 16, securityGroups: 5 } as const;

/**
 * @param networkMode the task definition's
 * @throws InvalidParameterException
 */
export function validNetwork(
  networkMode: string | undefined,
  configuration: NetworkConfiguration | undefined,
): TaskNetwork {
  const vpc = configuration?.awsvpcConfiguration;
  if (networkMode !== 'awsvpc')
    throw invalidParameter('Network Configuration is not valid for the given `networkMode` of this task definition.');
  if (vpc === undefined)
    throw invalidParameter("Network Configuration must be provided when networkMode 'awsvpc' is specified.");
  const { subnets = [], securityGroups = [], assignPublicIp = 'DISABLED' } = vpc;
  if (subnets.length === 0) throw invalidParameter('subnets can not be empty.');
  if (subnets.length > most.subnets) throw invalidParameter(`subnets can have at most ${most.subnets} items.`);
  if (securityGroups.length > most.securityGroups)
    throw invalidParameter(`securityGroups can have at most ${most.securityGroups} items.`);
  for (const subnet of subnets)
    if (!isId('subnet', subnet))
      throw invalidParameter(
        `Error retrieving subnet information for [${subnet}]: The subnet ID '${subnet}' does not exist (ErrorCode: InvalidSubnetID.NotFound)`,
      );
  for (const group of securityGroups)
    if (!isId('sg', group))
      throw invalidParameter(
        `Error retrieving security group information for [${group}]: The security group '${group}' does not exist (ErrorCode: InvalidGroup.NotFound)`,
      );
  return { subnets, securityGroups, assignPublicIp: assignPublicIp === 'ENABLED' };
}

function isId(prefix: string, text: string): boolean {
  return text.startsWith(`${prefix}-`) && /^[0-9a-f]{8,17}$/.test(text.slice(prefix.length + 1));
}
