/** Labels of versions: a name that points to one version and can be moved to another. */
import {
  type LabelParameterVersionRequest,
  type LabelParameterVersionResult,
  ParameterVersionLabelLimitExceeded,
  type UnlabelParameterVersionRequest,
  type UnlabelParameterVersionResult,
} from '@aws-sdk/client-ssm';
import type { Scope } from '../../core/scope.ts';
import type { Parameter } from '../../core/secrets/parameter.ts';
import { parameterName } from '../../core/secrets/parameter-lookup.ts';
import type { SsmDeps } from './deps.ts';
import { notFound, versionNotFound } from './errors.ts';

const mostLabels = 10;

export async function labelVersion(
  deps: SsmDeps,
  scope: Scope,
  { Name: text = '', Labels = [], ParameterVersion }: LabelParameterVersionRequest,
): Promise<LabelParameterVersionResult> {
  const labels = [...new Set(Labels)];
  const good = labels.filter(isLabel);
  const written = await change(deps, scope, text, (parameter) => {
    const version = existing(parameter, ParameterVersion);
    const moved = { ...parameter.labels, ...Object.fromEntries(good.map((label) => [label, version])) };
    if (Object.values(moved).filter((number) => number === version).length > mostLabels)
      throw new ParameterVersionLabelLimitExceeded({
        message: `A parameter version can have maximum ${mostLabels} labels. Move one or more labels to another version and try again.`,
        $metadata: {},
      });
    return moved;
  });
  return {
    InvalidLabels: labels.filter((label) => !isLabel(label)),
    ParameterVersion: ParameterVersion ?? written.current.version,
  };
}

export async function unlabelVersion(
  deps: SsmDeps,
  scope: Scope,
  { Name: text = '', Labels = [], ParameterVersion }: UnlabelParameterVersionRequest,
): Promise<UnlabelParameterVersionResult> {
  const labels = [...new Set(Labels)];
  let removed: readonly string[] = [];
  await change(deps, scope, text, (parameter) => {
    const version = existing(parameter, ParameterVersion);
    const entries = Object.entries(parameter.labels);
    const goes = ([label, number]: readonly [string, number]) => number === version && labels.includes(label);
    removed = entries.filter(goes).map(([label]) => label);
    return Object.fromEntries(entries.filter((entry) => !goes(entry)));
  });
  return { RemovedLabels: [...removed], InvalidLabels: labels.filter((label) => !removed.includes(label)) };
}

async function change(
  { parameters }: SsmDeps,
  scope: Scope,
  text: string,
  relabel: (parameter: Parameter) => Readonly<Record<string, number>>,
): Promise<Parameter> {
  const name = await parameterName(parameters, scope, text);
  if (name === undefined) throw notFound(text);
  const written = await parameters.write(
    scope,
    name,
    (parameter) => parameter && { parameter: { ...parameter, labels: relabel(parameter) } },
  );
  if (!written) throw notFound(text);
  return written;
}

function existing({ name, oldest, current }: Parameter, version: number = current.version): number {
  if (version < oldest || version > current.version) throw versionNotFound(name, `:${version}`);
  return version;
}

/** A label looks unlike a version number, and is not one of AWS's own. */
function isLabel(label: string): boolean {
  return /^(?!\d|aws|ssm)[A-Za-z0-9_.-]{1,100}$/i.test(label);
}
