/** What a container's logConfiguration asks for. */
import type { ContainerDefinition, LogConfiguration } from '@aws-sdk/client-ecs';
import { compileExpression, type Expression } from '../../core/expression.ts';
import { ResourceError } from '../resource-error.ts';
import { datetimePattern } from './datetime-pattern.ts';

export type LogOptions = Readonly<Record<string, string>>;

export interface OutputOptions {
  readonly driver: string;
  /** With those that are secret. */
  readonly options: LogOptions;
  readonly mode: 'blocking' | 'non-blocking';
}

/** undefined: the output stays with the runtime. */
export function outputOptions(
  { logConfiguration }: ContainerDefinition,
  secretOptions: LogOptions = {},
): OutputOptions | undefined {
  if (logConfiguration?.logDriver === undefined) return undefined;
  const options = { ...logConfiguration.options, ...secretOptions };
  return { driver: logConfiguration.logDriver, options, mode: modeOf(options) };
}

/** ECS's own default since 2025 is non-blocking. */
function modeOf({ mode }: LogOptions): OutputOptions['mode'] {
  return mode === 'blocking' ? 'blocking' : 'non-blocking';
}

const units: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** Bytes; undefined: the default. */
export function bufferSize(configuration: LogConfiguration | undefined): number | undefined {
  const text = configuration?.options?.['max-buffer-size'];
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i.exec(text ?? '') ?? [];
  return number === undefined ? undefined : Math.ceil(Number(number) * (units[unit.toLowerCase()] ?? 1));
}

/**
 * The line that starts an event, where lines are to be joined.
 * @throws ResourceError
 */
export function eventStart(options: LogOptions): Expression | undefined {
  const format = options['awslogs-datetime-format'];
  const pattern = options['awslogs-multiline-pattern'];
  try {
    if (format) return datetimePattern(format);
    if (pattern) return compileExpression(pattern);
    return undefined;
  } catch (error) {
    const key = format ? `datetime format key "${format}"` : `multiline pattern key "${pattern}"`;
    throw new ResourceError(
      `failed to validate logger args: awslogs could not parse ${key}: ${(error as Error).message} : exit status 1`,
    );
  }
}
