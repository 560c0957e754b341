/** What ECS accepts as a service's deploymentConfiguration, with its defaults. */
import type { DeploymentConfiguration, DeploymentLifecycleHook } from '@aws-sdk/client-ecs';
import type { Service } from '../../../core/service/service.ts';
import { invalidParameter, unsupportedFeature } from '../errors.ts';

export type FullConfiguration = Service['deploymentConfiguration'];

const defaults = {
  deploymentCircuitBreaker: { enable: false, rollback: false },
  maximumPercent: 200,
  minimumHealthyPercent: 100,
  strategy: 'ROLLING',
  bakeTimeInMinutes: 0,
} as const satisfies FullConfiguration;

/**
 * @param before what the service has; members that are not given stay
 * @param lambdaEndpoint where functions are invoked; absent: a hook may only name an HTTP address
 * @throws InvalidParameterException, UnsupportedFeatureException
 */
export function validDeploymentConfiguration(
  given: DeploymentConfiguration | undefined,
  before: FullConfiguration = defaults,
  lambdaEndpoint?: string,
): FullConfiguration {
  const present = Object.fromEntries(Object.entries(given ?? {}).filter(([, value]) => value !== undefined));
  const configuration: FullConfiguration = { ...before, ...present };
  checkPercents(configuration);
  checkBreaker(configuration);
  if (configuration.alarms?.enable || configuration.alarms?.alarmNames?.length)
    throw unsupportedFeature(
      'Deployment alarms are not supported: this endpoint has no CloudWatch alarms. Leave alarms out, or disabled and without names; deploymentCircuitBreaker is there.',
    );
  if (configuration.earlySuccessCriteria?.enable)
    throw unsupportedFeature(
      'deploymentConfiguration.earlySuccessCriteria is not supported. Leave it out, or disabled.',
    );
  return checkStrategy(configuration, lambdaEndpoint);
}

function checkPercents({ maximumPercent, minimumHealthyPercent }: FullConfiguration): void {
  if (maximumPercent < 1) throw invalidParameter('maximumPercent must be greater than 0.');
  if (minimumHealthyPercent < 0) throw invalidParameter('minimumHealthyPercent must not be negative.');
  if (maximumPercent === 100 && minimumHealthyPercent === 100)
    throw invalidParameter(
      'Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.',
    );
  if (minimumHealthyPercent > maximumPercent)
    throw invalidParameter('minimumHealthyPercent cannot be greater than maximumPercent.');
}

function checkBreaker({ deploymentCircuitBreaker: breaker }: FullConfiguration): void {
  const threshold = breaker?.thresholdConfiguration;
  if (threshold && (threshold.value ?? 0) < 1)
    throw invalidParameter('deploymentCircuitBreaker.thresholdConfiguration.value must be at least 1.');
}

function checkStrategy(configuration: FullConfiguration, lambdaEndpoint: string | undefined): FullConfiguration {
  const { strategy = 'ROLLING', linearConfiguration: linear, canaryConfiguration: canary } = configuration;
  const { bakeTimeInMinutes = 0, lifecycleHooks = [] } = configuration;
  if (bakeTimeInMinutes < 0 || bakeTimeInMinutes > 1440)
    throw invalidParameter('bakeTimeInMinutes must be from 0 to 1440.');
  if (strategy === 'ROLLING' && bakeTimeInMinutes > 0)
    throw invalidParameter('bakeTimeInMinutes is only valid with the BLUE_GREEN, LINEAR and CANARY strategies.');
  if (strategy === 'ROLLING' && lifecycleHooks.length > 0)
    throw invalidParameter('lifecycleHooks are only valid with the BLUE_GREEN, LINEAR and CANARY strategies.');
  if (linear && strategy !== 'LINEAR')
    throw invalidParameter('linearConfiguration is only valid when the deployment strategy is LINEAR.');
  if (canary && strategy !== 'CANARY')
    throw invalidParameter('canaryConfiguration is only valid when the deployment strategy is CANARY.');
  checkStep('linearConfiguration.stepPercent', linear?.stepPercent, 3);
  checkStep('canaryConfiguration.canaryPercent', canary?.canaryPercent, 0.1);
  checkMinutes('linearConfiguration.stepBakeTimeInMinutes', linear?.stepBakeTimeInMinutes);
  checkMinutes('canaryConfiguration.canaryBakeTimeInMinutes', canary?.canaryBakeTimeInMinutes);
  for (const hook of lifecycleHooks) checkHook(hook, lambdaEndpoint);
  return {
    ...configuration,
    ...(strategy === 'LINEAR' && { linearConfiguration: { stepPercent: 10, stepBakeTimeInMinutes: 6, ...linear } }),
    ...(strategy === 'CANARY' && { canaryConfiguration: { canaryPercent: 5, canaryBakeTimeInMinutes: 10, ...canary } }),
  };
}

function checkStep(what: string, percent: number | undefined, least: number): void {
  if (percent === undefined) return;
  if (percent < least || percent > 100 || Math.abs(percent * 10 - Math.round(percent * 10)) > 1e-9)
    throw invalidParameter(`${what} must be a multiple of 0.1 from ${least} to 100.`);
}

function checkMinutes(what: string, minutes: number | undefined): void {
  if (minutes !== undefined && (minutes < 0 || minutes > 1440))
    throw invalidParameter(`${what} must be from 0 to 1440.`);
}

function checkHook(hook: DeploymentLifecycleHook, lambdaEndpoint: string | undefined): void {
  const { targetType = 'AWS_LAMBDA', hookTargetArn, lifecycleStages = [] } = hook;
  if (lifecycleStages.length === 0) throw invalidParameter('A lifecycle hook must name its lifecycleStages.');
  if (targetType === 'PAUSE') {
    if (hookTargetArn) throw invalidParameter('hookTargetArn is not valid for PAUSE lifecycle hooks.');
    const wrong = lifecycleStages.find(
      (stage) => stage === 'TEST_TRAFFIC_SHIFT' || stage === 'PRODUCTION_TRAFFIC_SHIFT',
    );
    if (wrong) throw invalidParameter(`PAUSE lifecycle hooks cannot be configured at the ${wrong} stage.`);
    return;
  }
  if (!hookTargetArn) throw invalidParameter('hookTargetArn must be specified for AWS_LAMBDA lifecycle hooks.');
  if (/^https?:\/\/[^/]/.test(hookTargetArn) && URL.canParse(hookTargetArn)) return;
  if (!/^arn:[^:]+:lambda:[^:]+:\d{12}:function:[^:]+(:[^:]+)?$/.test(hookTargetArn))
    throw invalidParameter(
      `The lifecycle hook target is neither a Lambda function's ARN nor an HTTP address: ${hookTargetArn}`,
    );
  if (lambdaEndpoint === undefined)
    throw unsupportedFeature(
      'Lifecycle hooks can invoke Lambda functions only where LONGSHORE_LAMBDA_ENDPOINT names something that runs them; or give an HTTP address as hookTargetArn.',
    );
}
