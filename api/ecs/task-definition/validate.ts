/** All rules about a registration, in the order in which they speak. */
import { clientError } from '../errors.ts';
import {
  cpuRule,
  credentialSpecRule,
  environmentRule,
  healthCheckRule,
  memoryRule,
  networkRule,
  resourceRule,
  restartPolicyRule,
  timeoutRule,
} from './container-rules.ts';
import { dependencyCycleRule, dependencyRule } from './dependency-rules.ts';
import {
  fargateContainerRule,
  fargateLogRule,
  fargatePlatformRule,
  fargateRoleRule,
  fargateTaskRule,
  fargateVolumeRule,
  secretRoleRule,
} from './fargate-rules.ts';
import { linuxRule, systemControlRule, ulimitRule } from './linux-rules.ts';
import { firelensRule, logRule } from './log-rules.ts';
import { portConflictRule, portNameRule, portRule } from './port-rules.ts';
import { type Definition, isRequired, type Rule } from './rules.ts';
import {
  byteSizeRule,
  compatibilityRule,
  containerListRule,
  essentialRule,
  familyRule,
  faultInjectionRule,
  placementConstraintRule,
  platformRule,
  proxyRule,
  roleRule,
  taskSizeRule,
} from './task-rules.ts';
import { mountRule, volumeRule, volumesFromRule } from './volume-rules.ts';

const shapeRules: readonly Rule[] = [familyRule, containerListRule, essentialRule, byteSizeRule];

const fargateRules: readonly Rule[] = [
  fargateTaskRule,
  fargatePlatformRule,
  fargateContainerRule,
  fargateVolumeRule,
  fargateLogRule,
];

const generalRules: readonly Rule[] = [
  roleRule,
  taskSizeRule,
  compatibilityRule,
  platformRule,
  memoryRule,
  cpuRule,
  networkRule,
  portRule,
  portNameRule,
  portConflictRule,
  environmentRule,
  secretRoleRule,
  logRule,
  firelensRule,
  volumeRule,
  mountRule,
  volumesFromRule,
  dependencyRule,
  dependencyCycleRule,
  timeoutRule,
  healthCheckRule,
  restartPolicyRule,
  linuxRule,
  ulimitRule,
  systemControlRule,
  credentialSpecRule,
  resourceRule,
  placementConstraintRule,
  proxyRule,
  faultInjectionRule,
];

/** Every message that the registration deserves, lazily; none: it can be registered. */
export function* violations(definition: Definition): Generator<string> {
  const fargate = isRequired(definition, 'FARGATE');
  yield* broken(shapeRules, definition);
  if (fargate) yield* broken(fargateRules, definition);
  yield* broken(generalRules, definition);
  // Last, so that a faulty log configuration is told as what it is.
  if (fargate) yield* broken([fargateRoleRule], definition);
}

/** @throws ClientException with the first violation */
export function assertRegistrable(definition: Definition): void {
  for (const message of violations(definition)) throw clientError(message);
}

/** Whether Fargate could run what is otherwise in order. */
export function suitsFargate(definition: Definition): boolean {
  return broken([...fargateRules, fargateRoleRule], definition).next().done === true;
}

function* broken(rules: readonly Rule[], definition: Definition): Generator<string> {
  for (const rule of rules) yield* rule(definition);
}
