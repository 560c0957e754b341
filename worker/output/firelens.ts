/**
 * FireLens: a container of the task is the log router, and the output of others is forwarded to it. The router gets a
 * generated configuration: where it listens, what it adds to records, and each container's own options as its output.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_firelens.html
 */
import type { ContainerDefinition } from '@aws-sdk/client-ecs';
import { clusterArn, taskArn } from '../../core/arn.ts';
import type { TaskSpec } from '../../core/task.ts';

/** Where programs in the task reach the router (FLUENT_HOST, FLUENT_PORT). */
export const routerHost = '127.0.0.1';
export const routerPort = 24224;
/** Where the worker does, with a key. */
export const workerPort = 24225;

type RouterType = 'fluentbit' | 'fluentd';

/** Where the images of AWS and of the projects read their configuration. */
const configurationPath: Readonly<Record<RouterType, string>> = {
  fluentbit: '/fluent-bit/etc/fluent-bit.conf',
  fluentd: '/fluentd/etc/fluent.conf',
};

export function isRouter({ firelensConfiguration }: ContainerDefinition): boolean {
  return firelensConfiguration !== undefined;
}

export function isRouted({ logConfiguration }: ContainerDefinition): boolean {
  return logConfiguration?.logDriver === 'awsfirelens';
}

/** The router starts before the containers that it serves, and stops after them; these are told where it is. */
export function withRouter(containers: readonly ContainerDefinition[]): readonly ContainerDefinition[] {
  const router = containers.find(isRouter)?.name;
  if (router === undefined) return containers;
  return containers.map((container) => {
    if (!isRouted(container) || container.name === router) return container;
    const depends = container.dependsOn?.some(({ containerName }) => containerName === router);
    return {
      ...container,
      dependsOn: [
        ...(container.dependsOn ?? []),
        ...(depends ? [] : [{ containerName: router, condition: 'START' as const }]),
      ],
      environment: [
        { name: 'FLUENT_HOST', value: routerHost },
        { name: 'FLUENT_PORT', value: String(routerPort) },
        ...(container.environment ?? []),
      ],
    };
  });
}

export function tagOf(container: string, { taskId }: Pick<TaskSpec, 'taskId'>): string {
  return `${container}-firelens-${taskId}`;
}

/** What is added to every record, unless the definition says no. */
export function taskMetadata(spec: TaskSpec): Readonly<Record<string, string>> {
  return {
    ecs_cluster: clusterArn(spec, spec.clusterName).split('/').at(-1) ?? '',
    ecs_task_arn: taskArn(spec, spec.clusterName, spec.taskId),
    ecs_task_definition: `${spec.family}:${spec.revision}`,
  };
}

export interface RoutedContainer {
  readonly name: string;
  /** With those that are secret. */
  readonly options: Readonly<Record<string, string>>;
}

export interface RouterConfiguration {
  readonly path: string;
  readonly text: string;
}

/** Options that are not the output plugin's own. */
const ownOptions = new Set([
  'include-pattern',
  'exclude-pattern',
  'log-driver-buffer-limit',
  'mode',
  'max-buffer-size',
]);

export function routerConfiguration(
  router: ContainerDefinition,
  routed: readonly RoutedContainer[],
  spec: TaskSpec,
  sharedKey: string,
): RouterConfiguration {
  const { type = 'fluentbit', options = {} } = router.firelensConfiguration ?? {};
  const kind: RouterType = type === 'fluentd' ? 'fluentd' : 'fluentbit';
  const metadata = /^false$/i.test(options['enable-ecs-log-metadata'] ?? 'true') ? {} : taskMetadata(spec);
  const write = kind === 'fluentd' ? fluentd : fluentBit;
  const file = options['config-file-type'] === 'file' ? options['config-file-value'] : undefined;
  return { path: configurationPath[kind], text: write({ routed, metadata, file, sharedKey }) };
}

interface Parts {
  readonly routed: readonly RoutedContainer[];
  readonly metadata: Readonly<Record<string, string>>;
  /** Of the image, to be included. */
  readonly file: string | undefined;
  readonly sharedKey: string;
}

function fluentBit({ routed, metadata, file, sharedKey }: Parts): string {
  const section = (name: string, lines: readonly (readonly [key: string, value: string])[]) =>
    `[${name}]\n${lines.map(([key, value]) => `    ${key} ${oneLine(value)}\n`).join('')}`;
  const match = (name: string) => ['Match', `${name}-firelens*`] as const;
  return [
    section('INPUT', [
      ['Name', 'forward'],
      ['Listen', routerHost],
      ['Port', String(routerPort)],
    ]),
    section('INPUT', [
      ['Name', 'forward'],
      ['Listen', '0.0.0.0'],
      ['Port', String(workerPort)],
      ['Shared_Key', sharedKey],
      ['Self_Hostname', 'firelens'],
    ]),
    ...routed.flatMap(({ name, options }) => [
      ...patterns(options, 'include-pattern').map((pattern) =>
        section('FILTER', [['Name', 'grep'], match(name), ['Regex', `log ${pattern}`]]),
      ),
      ...patterns(options, 'exclude-pattern').map((pattern) =>
        section('FILTER', [['Name', 'grep'], match(name), ['Exclude', `log ${pattern}`]]),
      ),
    ]),
    ...(Object.keys(metadata).length > 0
      ? [
          section('FILTER', [
            ['Name', 'record_modifier'],
            ['Match', '*'],
            ...Object.entries(metadata).map(([key, value]) => ['Record', `${key} ${value}`] as const),
          ]),
        ]
      : []),
    ...(file === undefined ? [] : [`@INCLUDE ${oneLine(file)}\n`]),
    ...routed.flatMap(({ name, options }) => {
      const plugin = Object.entries(options).filter(([key]) => !ownOptions.has(key));
      // Without options the image's own file says where the output goes.
      if (plugin.length === 0) return [];
      const [named] = plugin.filter(([key]) => key.toLowerCase() === 'name');
      const rest = plugin.filter(([key]) => key.toLowerCase() !== 'name');
      return [section('OUTPUT', [['Name', named?.[1] ?? ''], match(name), ...rest])];
    }),
  ].join('\n');
}

function fluentd({ routed, metadata, file, sharedKey }: Parts): string {
  const section = (name: string, argument: string, lines: readonly string[]) =>
    `<${name}${argument === '' ? '' : ` ${argument}`}>\n${lines.map((line) => `  ${line}\n`).join('')}</${name}>\n`;
  const entry = ([key, value]: readonly [string, string]) => `${key} ${oneLine(value)}`;
  const grep = (kind: 'regexp' | 'exclude', pattern: string) => [
    '@type grep',
    `<${kind}>`,
    '  key log',
    `  pattern ${oneLine(pattern)}`,
    `</${kind}>`,
  ];
  return [
    section('source', '', ['@type forward', `bind ${routerHost}`, `port ${routerPort}`]),
    section('source', '', [
      '@type forward',
      'bind 0.0.0.0',
      `port ${workerPort}`,
      '<security>',
      '  self_hostname firelens',
      `  shared_key ${sharedKey}`,
      '</security>',
    ]),
    ...routed.flatMap(({ name, options }) => [
      ...patterns(options, 'include-pattern').map((each) =>
        section('filter', `${name}-firelens**`, grep('regexp', each)),
      ),
      ...patterns(options, 'exclude-pattern').map((each) =>
        section('filter', `${name}-firelens**`, grep('exclude', each)),
      ),
    ]),
    ...(Object.keys(metadata).length > 0
      ? [
          section('filter', '**', [
            '@type record_transformer',
            '<record>',
            ...Object.entries(metadata).map((each) => `  ${entry(each)}`),
            '</record>',
          ]),
        ]
      : []),
    ...(file === undefined ? [] : [`@include ${oneLine(file)}\n`]),
    ...routed.flatMap(({ name, options }) => {
      const plugin = Object.entries(options).filter(([key]) => !ownOptions.has(key));
      return plugin.length === 0 ? [] : [section('match', `${name}-firelens**`, plugin.map(entry))];
    }),
  ].join('\n');
}

function patterns(options: Readonly<Record<string, string>>, name: string): readonly string[] {
  return options[name] ? [options[name]] : [];
}

/** A value must not begin a section of its own. */
function oneLine(value: string): string {
  return value.replace(/[\r\n]+/g, ' ');
}
