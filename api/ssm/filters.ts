/** Filters of DescribeParameters and GetParametersByPath. */
import {
  InvalidFilterKey,
  InvalidFilterOption,
  InvalidFilterValue,
  type ParameterStringFilter,
  type ParametersFilter,
} from '@aws-sdk/client-ssm';
import type { Parameter } from '../../core/secrets/parameter.ts';
import { invalid } from './errors.ts';
import { refuseBadPath } from './names.ts';

export interface ParameterFilter {
  /** What every wanted name begins with; '': nothing in particular. */
  readonly start: string;
  readonly oneLevel: boolean;
  readonly holds: (parameter: Parameter) => boolean;
}

type Test = (parameter: Parameter) => boolean;

const mostFilters = 5;
const mostValues = 50;

/** @throws InvalidFilterKey, InvalidFilterOption, InvalidFilterValue, ValidationException */
export function describeFilter(
  filters: readonly ParameterStringFilter[] = [],
  older: readonly ParametersFilter[] = [],
): ParameterFilter {
  if (filters.length > 0 && older.length > 0)
    throw invalid('You can use either Filters or ParameterFilters in a single request.');
  // The older form compares names by their beginnings.
  const all = [
    ...filters,
    ...older.map(({ Key, Values }) => ({ Key, Values, Option: Key === 'Name' ? 'BeginsWith' : 'Equals' })),
  ];
  refuseRepeated(all);
  const tests = all.map(testOf);
  const path = all.find(({ Key }) => Key === 'Path');
  const [only, ...more] = path?.Values ?? all.find(isNameStart)?.Values ?? [];
  const narrow = only !== undefined && more.length === 0;
  return {
    start: narrow ? (path ? below(only) : only) : '',
    oneLevel: narrow && path !== undefined && path.Option !== 'Recursive',
    holds: (parameter) => tests.every((test) => test(parameter)),
  };
}

/** GetParametersByPath knows a few keys only; Label chooses the version that is shown. */
export function pathFilter(filters: readonly ParameterStringFilter[] = []): {
  readonly version: (parameter: Parameter) => number | undefined;
  readonly holds: Test;
} {
  refuseRepeated(filters);
  for (const { Key = '' } of filters)
    if (!['Type', 'KeyId', 'Label'].includes(Key))
      throw new InvalidFilterKey({
        message: `The following filter key is not valid: ${Key}. Valid filter keys include: [Type, KeyId, Label].`,
        $metadata: {},
      });
  const labels = filters.find(({ Key }) => Key === 'Label')?.Values;
  const tests = filters.filter(({ Key }) => Key !== 'Label').map(testOf);
  return {
    version: ({ current, labels: known }) =>
      labels === undefined
        ? current.version
        : labels.map((label) => (Object.hasOwn(known, label) ? known[label] : undefined)).find(Boolean),
    holds: (parameter) => tests.every((test) => test(parameter)),
  };
}

function refuseRepeated(filters: readonly ParameterStringFilter[]): void {
  if (filters.length > mostFilters) throw invalid(`A request can have at most ${mostFilters} filters.`);
  const keys = filters.map(({ Key }) => Key);
  const repeated = keys.find((key, index) => keys.indexOf(key) < index);
  if (repeated !== undefined)
    throw invalid(
      `The following filters are duplicated in the request: ${repeated}. A request can contain only one filter of a specific type.`,
    );
}

function isNameStart({ Key, Option = 'Equals' }: ParameterStringFilter): boolean {
  return Key === 'Name' && (Option === 'BeginsWith' || Option === 'Equals');
}

const optionsOf: Readonly<Record<string, readonly string[]>> = {
  Name: ['Equals', 'BeginsWith', 'Contains'],
  Path: ['OneLevel', 'Recursive'],
  KeyId: ['Equals', 'BeginsWith'],
};

function testOf({ Key = '', Option, Values = [] }: ParameterStringFilter): Test {
  const options = optionsOf[Key] ?? ['Equals'];
  const option = Option ?? options[0] ?? 'Equals';
  if (!options.includes(option))
    throw new InvalidFilterOption({
      message: `The following filter option is not valid: ${option}. Valid options include: [${options.join(', ')}].`,
      $metadata: {},
    });
  if (Values.length > mostValues) throw invalid(`A filter can have at most ${mostValues} values.`);
  if (Key.startsWith('tag:')) return tagTest(Key.slice('tag:'.length), Values);
  if (Values.length === 0)
    throw new InvalidFilterValue({ message: `The filter ${Key} must have at least one value.`, $metadata: {} });
  return valueTest(Key, option, Values);
}

function tagTest(key: string, values: readonly string[]): Test {
  return ({ tags }) =>
    tags.some(({ Key, Value = '' }) => Key === key && (values.length === 0 || values.includes(Value)));
}

function valueTest(key: string, option: string, values: readonly string[]): Test {
  switch (key) {
    case 'Name':
      return ({ name }) => values.some((value) => compare(name, option, value));
    case 'Path':
      return pathTest(option, values);
    case 'KeyId':
      return ({ current }) => values.some((value) => compare(current.keyId ?? '', option, value));
    case 'Type':
      refuseUnknown(key, values, ['String', 'StringList', 'SecureString']);
      return ({ current }) => values.includes(current.type);
    case 'Tier':
      refuseUnknown(key, values, ['Standard', 'Advanced', 'Intelligent-Tiering']);
      return ({ current }) => values.includes(current.tier);
    case 'DataType':
      return ({ current }) => values.includes(current.dataType);
    default:
      throw new InvalidFilterKey({ message: `The following filter key is not valid: ${key}.`, $metadata: {} });
  }
}

function pathTest(option: string, values: readonly string[]): Test {
  for (const value of values) refuseBadPath(value);
  return ({ name }) =>
    values.some((value) => {
      const start = below(value);
      return name.startsWith(start) && (option === 'Recursive' || !name.includes('/', start.length));
    });
}

function compare(text: string, option: string, value: string): boolean {
  if (option === 'BeginsWith') return text.startsWith(value);
  return option === 'Contains' ? text.includes(value) : text === value;
}

function refuseUnknown(key: string, values: readonly string[], known: readonly string[]): void {
  const unknown = values.find((value) => !known.includes(value));
  if (unknown !== undefined)
    throw new InvalidFilterValue({
      message: `The following filter value is not valid for ${key}: ${unknown}. Valid values include: [${known.join(', ')}].`,
      $metadata: {},
    });
}

function below(path: string): string {
  return path.endsWith('/') ? path : `${path}/`;
}
