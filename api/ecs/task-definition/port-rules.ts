/** Rules about port mappings. */
import type { PortMapping } from '@aws-sdk/client-ecs';
import { containersOf, duplicates, forEachContainer, invalidSetting, isOutside, type Rule } from './rules.ts';

const mostRanges = 100;

export const portRule: Rule = forEachContainer(function* (container, { networkMode = 'bridge' }) {
  const mappings = container.portMappings ?? [];
  for (const mapping of mappings) {
    const { containerPort, hostPort, containerPortRange, name, appProtocol, protocol } = mapping;
    if (containerPortRange === undefined) {
      if (containerPort === undefined || isOutside(containerPort, 1, 65_535))
        yield invalidSetting('containerPort', container);
    } else {
      if (containerPort !== undefined || hostPort !== undefined)
        yield invalidSetting('containerPortRange', container, 'It excludes containerPort and hostPort.');
      if (networkMode !== 'awsvpc' && networkMode !== 'bridge')
        yield invalidSetting('containerPortRange', container, 'It needs network mode awsvpc or bridge.');
      if (parseRange(containerPortRange) === undefined)
        yield invalidSetting('containerPortRange', container, 'It must be two ports from 1 to 65535, lower one first.');
    }
    if (isOutside(hostPort, 0, 65_535)) yield invalidSetting('hostPort', container);
    if (networkMode === 'awsvpc' && hostPort && hostPort !== containerPort)
      yield 'When networkMode=awsvpc, the host ports and container ports in port mappings must match.';
    if (networkMode === 'host' && hostPort && hostPort !== containerPort)
      yield 'When networkMode=host, the host ports and container ports in port mappings must match.';
    if (networkMode === 'none')
      yield invalidSetting('portMappings', container, "Network mode 'none' has no port mappings.");
    if (name !== undefined && !/^[a-z0-9_][a-z0-9_-]{0,63}$/.test(name))
      yield invalidSetting('portMappings.name', container, `Not a valid port name: ${name}`);
    if (appProtocol !== undefined && protocol === 'udp')
      yield invalidSetting('appProtocol', container, 'It is not supported for protocol udp.');
  }
  if (mappings.filter(({ containerPortRange }) => containerPortRange !== undefined).length > mostRanges)
    yield invalidSetting('portMappings', container, `A container can have at most ${mostRanges} port ranges.`);
});

export const portNameRule: Rule = function* (definition) {
  const names = containersOf(definition).flatMap(({ portMappings = [] }) => portMappings.map(({ name }) => name));
  for (const name of duplicates(names.filter((each) => each !== undefined)))
    yield `Port mapping names must be unique in a task definition: '${name}' is used more than once.`;
};

/** Containers of a task share their addresses, so a port can be taken only once in all of them. */
export const portConflictRule: Rule = function* (definition) {
  const own = definition.networkMode === 'awsvpc' || definition.networkMode === 'host';
  const taken = new Map<string, [number, number][]>();
  for (const { portMappings = [] } of containersOf(definition))
    for (const mapping of portMappings) {
      const range = own ? portsOf(mapping) : single(mapping.hostPort);
      if (range === undefined) continue;
      const protocol = (mapping.protocol ?? 'tcp').toUpperCase();
      const others = taken.get(protocol) ?? [];
      const clash = others.find(([first, last]) => range[0] <= last && first <= range[1]);
      if (clash) yield `${protocol} host port '${Math.max(range[0], clash[0])}' is mapped multiple times in task.`;
      taken.set(protocol, [...others, range]);
    }
};

function portsOf({ containerPort, containerPortRange }: PortMapping): [number, number] | undefined {
  return containerPortRange === undefined ? single(containerPort) : parseRange(containerPortRange);
}

/** Port 0 stands for any free one. */
function single(port: number | undefined): [number, number] | undefined {
  return port ? [port, port] : undefined;
}

function parseRange(text: string): [number, number] | undefined {
  const match = /^(\d{1,5})-(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const [first, last] = [Number(match[1]), Number(match[2])];
  return first >= 1 && first < last && last <= 65_535 ? [first, last] : undefined;
}
