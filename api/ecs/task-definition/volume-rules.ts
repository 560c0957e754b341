/** Rules about volumes and what mounts them. */
import type { EFSVolumeConfiguration, Volume } from '@aws-sdk/client-ecs';
import { isName } from '../arn.ts';
import { containersOf, duplicates, forEachContainer, invalidSetting, isOutside, type Rule } from './rules.ts';

export const volumeRule: Rule = function* ({ volumes = [] }) {
  for (const volume of volumes) {
    const { name = '', efsVolumeConfiguration, host } = volume;
    if (!isName(name))
      yield name === '' ? 'Volume name should not be null or empty.' : `Invalid volume name: '${name}'.`;
    if (kindsOf(volume).length > 1)
      yield `Volume '${name}' has more than one configuration: ${kindsOf(volume).join(', ')}`;
    if (host?.sourcePath === '') yield 'host.sourcePath should not be blank.';
    if (efsVolumeConfiguration) yield* efsViolations(name, efsVolumeConfiguration);
  }
  for (const name of duplicates(volumes.map(({ name }) => name))) yield `Duplicate volume name '${name}'.`;
  if (volumes.filter(({ configuredAtLaunch }) => configuredAtLaunch).length > 1)
    yield 'A task definition can have only one volume that is configured at launch.';
};

function kindsOf(volume: Volume): readonly string[] {
  const { name, host, configuredAtLaunch, ...configurations } = volume;
  const kinds = Object.entries(configurations).flatMap(([kind, value]) => (value === undefined ? [] : [kind]));
  if (configuredAtLaunch) kinds.push('configuredAtLaunch');
  if (host?.sourcePath !== undefined) kinds.push('host');
  return kinds;
}

function* efsViolations(name: string, efs: EFSVolumeConfiguration): Iterable<string> {
  const { fileSystemId = '', rootDirectory = '/', transitEncryption, transitEncryptionPort, authorizationConfig } = efs;
  const encrypted = transitEncryption === 'ENABLED';
  if (!/^fs-[0-9a-f]{8,40}$/.test(fileSystemId))
    yield `Invalid EFS file system ID for volume '${name}': ${fileSystemId}`;
  if (!rootDirectory.startsWith('/') && rootDirectory !== '')
    yield `EFS root directory of volume '${name}' must be an absolute path.`;
  if (isOutside(transitEncryptionPort, 1, 65_535)) yield `Invalid EFS transit encryption port for volume '${name}'.`;
  if (transitEncryptionPort !== undefined && !encrypted)
    yield `EFS transit encryption must be enabled for volume '${name}' to use a transit encryption port.`;
  if (authorizationConfig?.iam === 'ENABLED' && !encrypted)
    yield `EFS transit encryption must be enabled for volume '${name}' to use IAM authorization.`;
  if (authorizationConfig?.accessPointId === undefined) return;
  if (!encrypted) yield `EFS transit encryption must be enabled for volume '${name}' to use an access point.`;
  if (rootDirectory !== '/' && rootDirectory !== '')
    yield `EFS root directory of volume '${name}' must be omitted or set to / with an access point.`;
}

export const mountRule: Rule = forEachContainer(function* (container, { volumes = [] }) {
  const { mountPoints = [] } = container;
  for (const { sourceVolume, containerPath = '' } of mountPoints) {
    if (!volumes.some(({ name }) => name === sourceVolume)) yield `Unknown volume '${sourceVolume ?? 'null'}'.`;
    if (containerPath === '') yield invalidSetting('mountPoints', container, 'containerPath should not be blank.');
  }
  for (const path of duplicates(mountPoints.map(({ containerPath }) => containerPath)))
    yield invalidSetting('mountPoints', container, `Duplicate mount point: ${path}`);
});

export const volumesFromRule: Rule = forEachContainer(function* (container, definition) {
  for (const { sourceContainer } of container.volumesFrom ?? []) {
    if (sourceContainer === container.name)
      yield invalidSetting('volumesFrom', container, 'A container cannot mount volumes from itself.');
    else if (!containersOf(definition).some(({ name }) => name === sourceContainer))
      yield invalidSetting('volumesFrom', container, `Unknown container '${sourceContainer ?? 'null'}'.`);
  }
});
