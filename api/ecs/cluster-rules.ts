/** What ECS accepts as a cluster's name, settings, configuration and capacity providers. */
import type { ClusterConfiguration, ClusterServiceConnectDefaultsRequest, ClusterSetting } from '@aws-sdk/client-ecs';
import { isName } from './arn.ts';
import { fargateProviders } from './capacity-strategy.ts';
import { invalidParameter, unsupportedFeature } from './errors.ts';

export function validClusterName(name: string): string {
  if (!isName(name))
    throw invalidParameter(
      'The cluster name is invalid. It must be up to 255 letters, numbers, underscores and hyphens.',
    );
  return name;
}

const settingValues: ReadonlyMap<string, readonly string[]> = new Map([
  ['containerInsights', ['enabled', 'disabled', 'enhanced']],
]);

/** @throws InvalidParameterException for an unknown setting or value, and for one given twice */
export function validSettings(settings: readonly ClusterSetting[]): readonly ClusterSetting[] {
  const seen = new Set<string>();
  for (const { name = '', value = '' } of settings) {
    const values = settingValues.get(name);
    if (values === undefined) throw invalidParameter(`Unknown cluster setting: ${name}`);
    if (!values.includes(value))
      throw invalidParameter(`Invalid value for cluster setting ${name}: ${value}. It must be one of ${values}.`);
    if (seen.has(name)) throw invalidParameter(`Cluster setting ${name} is given more than once.`);
    seen.add(name);
  }
  return settings;
}

/** `changes` win over what a cluster has. */
export function mergeSettings(
  settings: readonly ClusterSetting[],
  changes: readonly ClusterSetting[],
): readonly ClusterSetting[] {
  const changed = new Set(changes.map(({ name }) => name));
  return [...settings.filter(({ name }) => !changed.has(name)), ...changes];
}

/** @throws InvalidParameterException where logging and its configuration contradict each other */
export function validConfiguration(configuration: ClusterConfiguration): ClusterConfiguration {
  const { logging, logConfiguration } = configuration.executeCommandConfiguration ?? {};
  if (logging === 'OVERRIDE' && logConfiguration === undefined)
    throw invalidParameter(
      'A log configuration must be specified when executeCommandConfiguration logging is OVERRIDE.',
    );
  if (logging !== 'OVERRIDE' && logConfiguration !== undefined)
    throw invalidParameter('executeCommandConfiguration logging must be OVERRIDE to specify a log configuration.');
  if (logConfiguration && !logConfiguration.cloudWatchLogGroupName && !logConfiguration.s3BucketName)
    throw invalidParameter('A log configuration must name a CloudWatch log group or an S3 bucket.');
  return configuration;
}

/** @throws InvalidParameterException for a provider that does not exist */
export function validProviders(providers: readonly string[]): readonly string[] {
  for (const provider of providers)
    if (!fargateProviders.includes(provider))
      throw invalidParameter(
        `The specified capacity provider '${provider}' was not found. Specify a valid capacity provider and try again.`,
      );
  if (new Set(providers).size < providers.length)
    throw invalidParameter('A capacity provider can be associated with a cluster only once.');
  return providers;
}

/**
 * An empty namespace removes the default, which no cluster has.
 * @throws UnsupportedFeatureException for any other: there are no namespaces here
 */
export function refuseServiceConnect(defaults: ClusterServiceConnectDefaultsRequest | undefined): void {
  if (defaults?.namespace)
    throw unsupportedFeature('serviceConnectDefaults is not supported: this endpoint has no AWS Cloud Map namespaces.');
}
