/** Rules about log drivers and log routers. */
import type { LogConfiguration } from '@aws-sdk/client-ecs';
import { containersOf, forEachContainer, invalidSetting, type Rule } from './rules.ts';

const awslogsOptions = [
  'awslogs-region',
  'awslogs-group',
  'awslogs-stream-prefix',
  'awslogs-create-group',
  'awslogs-datetime-format',
  'awslogs-multiline-pattern',
  'mode',
  'max-buffer-size',
];

export const logRule: Rule = forEachContainer(function* (container, definition) {
  const log = container.logConfiguration;
  if (log === undefined) return;
  if (log.secretOptions?.some(({ name = '', valueFrom = '' }) => name === '' || valueFrom === ''))
    yield invalidSetting('secretOptions', container, 'Name and valueFrom must not be empty.');
  if (log.logDriver === 'awslogs') yield* awslogsViolations(log);
  if (log.logDriver === 'splunk') yield* missingOptions(log, ['splunk-url', 'splunk-token']);
  if (log.logDriver !== 'awsfirelens')
    yield* modeViolations(log); // else options are the log router's own
  else if (!containersOf(definition).some(({ firelensConfiguration }) => firelensConfiguration !== undefined))
    yield 'When a container uses the awsfirelens log driver, a container with a firelensConfiguration object must be specified.';
});

function* awslogsViolations(log: LogConfiguration): Iterable<string> {
  yield* missingOptions(log, ['awslogs-region', 'awslogs-group']);
  const options = log.options ?? {};
  const unknown = Object.keys(options).filter((option) => !awslogsOptions.includes(option));
  if (unknown.length > 0) yield `Log driver awslogs disallows options: ${unknown.join(', ')}`;
  if (options['awslogs-datetime-format'] !== undefined && options['awslogs-multiline-pattern'] !== undefined)
    yield 'Log driver awslogs allows only one of options: awslogs-datetime-format, awslogs-multiline-pattern';
  const createGroup = options['awslogs-create-group'];
  if (createGroup !== undefined && !/^(true|false)$/i.test(createGroup))
    yield "Log driver awslogs requires option awslogs-create-group to be 'true' or 'false'.";
}

function* missingOptions(log: LogConfiguration, required: readonly string[]): Iterable<string> {
  const secret = new Set(log.secretOptions?.map(({ name }) => name));
  const missing = required.filter((option) => !log.options?.[option] && !secret.has(option));
  if (missing.length > 0) yield `Log driver ${log.logDriver} requires options: ${missing.join(', ')}`;
}

function* modeViolations({ logDriver, options = {} }: LogConfiguration): Iterable<string> {
  const { mode } = options;
  if (mode !== undefined && mode !== 'blocking' && mode !== 'non-blocking')
    yield `Log driver ${logDriver} requires option mode to be 'blocking' or 'non-blocking'.`;
  const buffer = options['max-buffer-size'];
  if (buffer !== undefined && !/^\d+(\.\d+)?\s*([kmgt]i?b?|b)?$/i.test(buffer))
    yield `Log driver ${logDriver} requires option max-buffer-size to be a size, such as 25m.`;
}

const firelensOptions: ReadonlyMap<string, RegExp> = new Map([
  ['enable-ecs-log-metadata', /^(true|false)$/],
  ['config-file-type', /^(s3|file)$/],
  ['config-file-value', /./],
]);

export const firelensRule: Rule = function* (definition) {
  const routers = containersOf(definition).filter(({ firelensConfiguration }) => firelensConfiguration !== undefined);
  if (routers.length === 0) return;
  if (routers.length > 1) yield 'A task definition can have only one container with a firelensConfiguration object.';
  if (!containersOf(definition).some(({ logConfiguration }) => logConfiguration?.logDriver === 'awsfirelens'))
    yield 'When a firelensConfiguration object is specified, at least one container must be configured with the awsfirelens log driver.';
  for (const router of routers) {
    const options = router.firelensConfiguration?.options ?? {};
    for (const [option, value] of Object.entries(options))
      if (!firelensOptions.get(option)?.test(value))
        yield invalidSetting('firelensConfiguration', router, `Invalid option: ${option}`);
    if ((options['config-file-type'] === undefined) !== (options['config-file-value'] === undefined))
      yield invalidSetting('firelensConfiguration', router, 'config-file-type and config-file-value go together.');
  }
};
