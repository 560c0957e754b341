/** Rules about one container's own settings. */
import { duplicates, forEachContainer, invalidSetting, isOutside, isUsed, type Rule } from './rules.ts';

/** MiB; engines refuse to run a container with less. */
const leastMemory = 6;
const mostEnvironmentFiles = 10;
const mostIgnoredExitCodes = 50;

export const memoryRule: Rule = forEachContainer(function* (container, definition) {
  const { name, memory, memoryReservation } = container;
  for (const [setting, value] of Object.entries({ memory, memoryReservation }))
    if (value !== undefined && value < leastMemory)
      yield invalidSetting(setting, container, `It must be at least ${leastMemory} MiB.`);
  if (memory !== undefined && memoryReservation !== undefined && memory < memoryReservation)
    yield invalidSetting('memory', container, "It must not be less than 'memoryReservation'.");
  if (definition.memory === undefined && memory === undefined && memoryReservation === undefined)
    yield `Invalid setting for container '${name}'. At least one of 'memory' or 'memoryReservation' must be specified.`;
});

export const cpuRule: Rule = forEachContainer(function* (container) {
  if ((container.cpu ?? 0) < 0) yield invalidSetting('cpu', container, 'It must not be negative.');
});

export const environmentRule: Rule = forEachContainer(function* (container) {
  const { environment = [], environmentFiles = [], secrets = [] } = container;
  if (environment.some(({ name = '' }) => name === ''))
    yield invalidSetting('environment', container, 'Environment variable names must not be empty.');
  if (secrets.some(({ name = '' }) => name === ''))
    yield invalidSetting('secrets', container, 'Secret names must not be empty.');
  if (secrets.some(({ valueFrom = '' }) => valueFrom === ''))
    yield invalidSetting('secrets', container, 'valueFrom must not be empty.');
  const names = [...new Set(environment.map(({ name }) => name)), ...secrets.map(({ name }) => name)];
  for (const name of duplicates(names))
    yield `The secret name must be unique and not shared with any new or existing environment variables set on the container, such as '${name}'.`;
  if (environmentFiles.length > mostEnvironmentFiles)
    yield invalidSetting('environmentFiles', container, `It can have at most ${mostEnvironmentFiles} files.`);
  for (const { value = '' } of environmentFiles)
    if (!/^arn:aws[a-z-]*:s3:::[^/]+\/.+\.env$/.test(value))
      yield invalidSetting('environmentFiles', container, `Not the ARN of an S3 object ending in .env: ${value}`);
});

export const timeoutRule: Rule = forEachContainer(function* ({ name, startTimeout, stopTimeout }) {
  for (const [which, value] of Object.entries({ start: startTimeout, stop: stopTimeout }))
    if (value !== undefined && value < 2)
      yield `Granular ${which} timeout on container '${name}' must be at least 2 seconds.`;
});

/** Setting -> least, most. Seconds, but for retries. */
const healthCheckRanges = {
  interval: [5, 300],
  timeout: [2, 60],
  retries: [1, 10],
  startPeriod: [0, 300],
} as const;

export const healthCheckRule: Rule = forEachContainer(function* (container) {
  const check = container.healthCheck;
  if (check === undefined) return;
  const [kind, ...words] = check.command ?? [];
  if ((kind !== 'CMD' && kind !== 'CMD-SHELL') || words.length === 0)
    yield invalidSetting('healthCheck.command', container, 'It must start with CMD or CMD-SHELL and name a command.');
  for (const [setting, [least, most]] of Object.entries(healthCheckRanges))
    if (isOutside(check[setting as keyof typeof healthCheckRanges], least, most))
      yield invalidSetting(`healthCheck.${setting}`, container, `It must be from ${least} to ${most}.`);
});

export const restartPolicyRule: Rule = forEachContainer(function* (container) {
  const { ignoredExitCodes = [], restartAttemptPeriod } = container.restartPolicy ?? {};
  if (ignoredExitCodes.length > mostIgnoredExitCodes)
    yield invalidSetting('restartPolicy', container, `It can ignore at most ${mostIgnoredExitCodes} exit codes.`);
  if (isOutside(restartAttemptPeriod, 60, 1800))
    yield invalidSetting('restartPolicy.restartAttemptPeriod', container, 'It must be from 60 to 1800 seconds.');
});

export const credentialSpecRule: Rule = forEachContainer(function* (container) {
  const { credentialSpecs = [] } = container;
  if (credentialSpecs.length > 1) yield invalidSetting('credentialSpecs', container, 'It can have at most one entry.');
  for (const spec of credentialSpecs)
    if (!/^credentialspec(domainless)?:.+/.test(spec))
      yield invalidSetting('credentialSpecs', container, `Not a credential spec: ${spec}`);
});

export const resourceRule: Rule = forEachContainer(function* (container, { inferenceAccelerators = [] }) {
  for (const { type, value = '' } of container.resourceRequirements ?? []) {
    if (type === 'GPU' && !/^[1-9]\d{0,3}$/.test(value))
      yield invalidSetting('resourceRequirements', container, 'The value for GPU must be a positive integer.');
    if (type === 'InferenceAccelerator' && !inferenceAccelerators.some(({ deviceName }) => deviceName === value))
      yield invalidSetting('resourceRequirements', container, `Unknown inference accelerator '${value}'.`);
  }
});

/** A task with an interface of its own has its names from its network. */
export const networkRule: Rule = forEachContainer(function* (container, { networkMode = 'bridge' }) {
  for (const setting of ['hostname', 'links', 'extraHosts'] as const)
    if (networkMode === 'awsvpc' && isUsed(container[setting]))
      yield `${setting} is not supported on container when networkMode=awsvpc.`;
});
