/** Rules about a registration as a whole. */
import { isName } from '../arn.ts';
import { containersOf, type Definition, duplicates, isOutside, isRequired, isWindows, type Rule } from './rules.ts';
import { parseCpu, parseMemory } from './size.ts';

export const mostContainers = 10;
const mostBytes = 65_536;
const mostConstraints = 10;

export const familyRule: Rule = function* ({ family = '' }) {
  if (family === '') yield 'Family should not be null or empty.';
  else if (family.length > 255) yield 'Family should not be longer than 255 characters.';
  else if (!isName(family)) yield 'Family contains invalid characters.';
};

export const containerListRule: Rule = function* (definition) {
  const containers = containersOf(definition);
  if (containers.length === 0) yield 'Container list cannot be empty.';
  if (containers.length > mostContainers) yield `A task definition can have at most ${mostContainers} containers.`;
  for (const { name = '', image = '' } of containers) {
    if (name === '') yield 'Container.name should not be null or empty.';
    else if (!isName(name)) yield 'Container.name contains invalid characters.';
    if (image === '') yield 'Container.image should not be null or empty.';
    else if (image.length > 255 || !/^[A-Za-z0-9_\-:./#@]+$/.test(image))
      yield 'Container.image contains invalid characters.';
  }
  for (const name of duplicates(containers.map(({ name }) => name)))
    yield `Container names must be unique: '${name}' is used more than once.`;
};

export const essentialRule: Rule = function* (definition) {
  if (containersOf(definition).every(({ essential }) => essential === false))
    yield "Task definition doesn't have any essential container.";
};

export const byteSizeRule: Rule = function* (definition) {
  const bytes = Buffer.byteLength(JSON.stringify(definition));
  if (bytes > mostBytes) yield `Actual length: '${bytes}'. Max allowed length is '${mostBytes}' bytes.`;
};

const roleArn = /^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]{1,512}$/;
const roleName = /^[\w+=,.@-]{1,64}$/;

export const roleRule: Rule = function* ({ taskRoleArn, executionRoleArn }) {
  for (const role of [taskRoleArn, executionRoleArn])
    if (role !== undefined && role !== '' && !roleArn.test(role) && !roleName.test(role)) yield 'Role is not valid';
};

const see = 'For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.';

export const taskSizeRule: Rule = function* (definition) {
  const { cpu, memory } = definition;
  const units = cpu === undefined ? undefined : parseCpu(cpu);
  const mebibytes = memory === undefined ? undefined : parseMemory(memory);
  if (cpu !== undefined && (units === undefined || isOutside(units, 128, 196_608)))
    yield `Invalid 'cpu' setting for task. ${see}`;
  if (memory !== undefined && (mebibytes === undefined || mebibytes < 1))
    yield `Invalid 'memory' setting for task. ${see}`;
  yield* sharesOfTask(definition, units, mebibytes);
};

/** What the containers set must fit into what the task has. */
function* sharesOfTask(definition: Definition, cpu: number | undefined, memory: number | undefined): Iterable<string> {
  const containers = containersOf(definition);
  if (cpu !== undefined && sum(containers.map((container) => container.cpu ?? 0)) > cpu)
    yield "The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu'.";
  if (memory === undefined) return;
  for (const container of containers) {
    if ((container.memory ?? 0) > memory) yield "The 'memory' setting for container is greater than for the task.";
    if ((container.memoryReservation ?? 0) > memory)
      yield "The 'memoryReservation' setting for container is greater than for the task.";
  }
  // A container reserves its soft limit, and its hard one only where it has no soft one.
  if (sum(containers.map((container) => container.memoryReservation ?? container.memory ?? 0)) > memory)
    yield "The sum of all container 'memory' values cannot be greater than the value of the task 'memory'.";
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

export const compatibilityRule: Rule = function* (definition) {
  const networkMode = definition.networkMode ?? 'bridge';
  if (isRequired(definition, 'EXTERNAL') && networkMode === 'awsvpc')
    yield "Tasks using the External launch type do not support network mode 'awsvpc'.";
  if (isRequired(definition, 'MANAGED_INSTANCES') && networkMode !== 'awsvpc' && networkMode !== 'host')
    yield "Managed Instances only support network modes 'awsvpc' and 'host'.";
};

export const platformRule: Rule = function* (definition) {
  const { cpuArchitecture } = definition.runtimePlatform ?? {};
  if (!isWindows(definition)) return;
  if (cpuArchitecture === 'ARM64') yield 'Windows containers do not support the ARM64 CPU architecture.';
  if (definition.pidMode !== undefined) yield 'Windows containers do not support pidMode.';
  if (definition.ipcMode !== undefined) yield 'Windows containers do not support ipcMode.';
};

export const placementConstraintRule: Rule = function* ({ placementConstraints = [] }) {
  if (placementConstraints.length > mostConstraints)
    yield `A task definition can have at most ${mostConstraints} placement constraints.`;
  if (placementConstraints.some(({ expression = '' }) => expression === ''))
    yield 'A placement constraint of type memberOf must have an expression.';
};

const proxyProperties = [
  'IgnoredUID',
  'IgnoredGID',
  'AppPorts',
  'ProxyIngressPort',
  'ProxyEgressPort',
  'EgressIgnoredPorts',
  'EgressIgnoredIPs',
];

export const proxyRule: Rule = function* (definition) {
  const proxy = definition.proxyConfiguration;
  if (proxy === undefined) return;
  if (definition.networkMode !== 'awsvpc') yield "Proxy configuration is only supported with network mode 'awsvpc'.";
  if (!containersOf(definition).some(({ name }) => name === proxy.containerName))
    yield `Proxy container '${proxy.containerName}' is not a container of the task definition.`;
  const given = new Map(proxy.properties?.map(({ name = '', value = '' }) => [name, value]));
  for (const name of given.keys()) if (!proxyProperties.includes(name)) yield `Unknown proxy property '${name}'.`;
  for (const name of ['AppPorts', 'ProxyIngressPort', 'ProxyEgressPort'])
    if (!given.get(name)) yield `Proxy configuration requires the property '${name}'.`;
  if (!given.get('IgnoredUID') && !given.get('IgnoredGID'))
    yield "Proxy configuration requires the property 'IgnoredUID' or 'IgnoredGID'.";
};

export const faultInjectionRule: Rule = function* ({ enableFaultInjection, networkMode }) {
  if (enableFaultInjection && networkMode !== 'awsvpc' && networkMode !== 'host')
    yield "Fault injection is only supported with network modes 'awsvpc' and 'host'.";
};
