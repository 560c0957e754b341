/** Names, identifiers and ARNs of log groups and streams. */
import { partitionOf } from '../../core/arn.ts';
import type { Scope } from '../../core/scope.ts';
import { invalid, noGroup, noStream } from './errors.ts';
import type { LogGroup, LogStore, LogStream } from './store/log-store.ts';

/** Without the `:*` that older operations add. */
export function groupArn(scope: Scope, name: string): string {
  return `arn:${partitionOf(scope.region)}:logs:${scope.region}:${scope.accountId}:log-group:${name}`;
}

export function streamArn(scope: Scope, group: string, stream: string): string {
  return `${groupArn(scope, group)}:log-stream:${stream}`;
}

/** Name of the group that a name or an ARN (with or without `:*`) is about; undefined: another account's or region's. */
export function nameIn(scope: Scope, identifier: string): string | undefined {
  if (!identifier.startsWith('arn:')) return identifier;
  const start = groupArn(scope, '');
  return identifier.startsWith(start) ? identifier.slice(start.length).replace(/:\*$/, '') : undefined;
}

/**
 * The group that a request names by one of its two members.
 * @throws InvalidParameterException, ResourceNotFoundException
 */
export function findGroup(
  { catalog }: LogStore,
  scope: Scope,
  { logGroupName, logGroupIdentifier }: { readonly logGroupName?: string; readonly logGroupIdentifier?: string },
): LogGroup {
  if (logGroupName !== undefined && logGroupIdentifier !== undefined)
    throw invalid('LogGroup name and LogGroup ARN are mutually exclusive parameters.');
  const identifier = logGroupName ?? logGroupIdentifier;
  if (identifier === undefined) throw invalid('Either logGroupName or logGroupIdentifier must be provided.');
  const name = nameIn(scope, identifier);
  const group = name === undefined ? undefined : catalog.group(scope, name);
  if (group === undefined) throw noGroup();
  return group;
}

/** @throws ResourceNotFoundException */
export function findStream({ catalog }: LogStore, group: LogGroup, name: string): LogStream {
  const stream = catalog.stream(group.id, name);
  if (stream === undefined) throw noStream();
  return stream;
}
