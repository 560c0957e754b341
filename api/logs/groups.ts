/** Log groups: created, deleted, listed, and how long they keep their events. */
import {
  type CreateLogGroupCommandInput,
  InvalidOperationException,
  type LogGroup as LogGroupView,
} from '@aws-sdk/client-cloudwatch-logs';
import { pageTokens } from '../page-token.ts';
import type { LogsDeps, LogsHandlers } from './deps.ts';
import { groupExists, invalid, invalidToken, noGroup } from './errors.ts';
import { findGroup, groupArn, nameIn } from './names.ts';
import type { LogGroup } from './store/log-store.ts';
import { validTags } from './tags.ts';

const retentions = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];
/** Groups on a page when the request does not say. */
const usualPage = 50;

export function groupHandlers({ store, clock }: LogsDeps) {
  const { catalog } = store;

  const view = (group: LogGroup): LogGroupView => {
    const arn = groupArn(group, group.name);
    let storedBytes = 0;
    for (const stream of catalog.streams(group.id)) storedBytes += store.facts(stream).bytes;
    return {
      logGroupName: group.name,
      creationTime: group.creationTime,
      ...(group.retentionInDays !== undefined && { retentionInDays: group.retentionInDays }),
      metricFilterCount: 0,
      arn: `${arn}:*`,
      storedBytes,
      logGroupClass: group.logGroupClass,
      logGroupArn: arn,
      deletionProtectionEnabled: false,
    };
  };

  return {
    CreateLogGroup: async (input, { caller }) => {
      refuseUnbuilt(input);
      const { logGroupName: name = '', tags = {}, logGroupClass = 'STANDARD' } = input;
      if (logGroupClass !== 'STANDARD' && logGroupClass !== 'INFREQUENT_ACCESS')
        throw invalid(`Longshore has no log groups of the class ${logGroupClass}.`);
      if (/^aws\//i.test(name)) throw invalid("Log groups starting with 'aws/' are reserved for AWS.");
      const { accountId, region } = caller;
      const group = await catalog.createGroup({
        accountId,
        region,
        name,
        creationTime: clock(),
        logGroupClass,
        tags: validTags(tags),
      });
      if (group === undefined) throw groupExists();
      return {};
    },

    DeleteLogGroup: async (input, { caller }) => {
      await catalog.deleteGroup(findGroup(store, caller, input).id);
      store.tidy();
      return {};
    },

    DescribeLogGroups: async (input, { caller }) => {
      const { logGroupNamePrefix: prefix, logGroupNamePattern: pattern, logGroupIdentifiers: identifiers } = input;
      if ([prefix, pattern, identifiers].filter((given) => given !== undefined).length > 1)
        throw invalid(
          'LogGroup name prefix, LogGroup name pattern and LogGroup identifiers are mutually exclusive parameters.',
        );
      const { nextToken: NextToken, limit = usualPage, ...parameters } = input;
      const tokens = pageTokens(caller, 'DescribeLogGroups', { ...parameters, NextToken }, invalidToken);
      const named = identifiers && new Set(identifiers.map((identifier) => nameIn(caller, identifier)));
      const found = catalog
        .groups(caller)
        .filter(
          ({ name, logGroupClass }) =>
            (prefix === undefined || name.startsWith(prefix)) &&
            (pattern === undefined || name.includes(pattern)) &&
            (named === undefined || named.has(name)) &&
            (input.logGroupClass === undefined || logGroupClass === input.logGroupClass) &&
            (tokens.position === undefined || name > tokens.position),
        );
      const page = found.slice(0, limit);
      return {
        logGroups: page.map(view),
        nextToken: tokens.token(found.length > page.length ? page.at(-1)?.name : undefined),
      };
    },

    PutRetentionPolicy: async (input, { caller }) => {
      const { retentionInDays = 0 } = input;
      if (!retentions.includes(retentionInDays))
        throw invalid(
          `1 validation error detected: Value '${retentionInDays}' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: [${retentions.join(', ')}]`,
        );
      const { id } = findGroup(store, caller, input);
      if (!(await catalog.changeGroup(id, (group) => ({ ...group, retentionInDays })))) throw noGroup();
      store.tidy();
      return {};
    },

    DeleteRetentionPolicy: async (input, { caller }) => {
      const { id } = findGroup(store, caller, input);
      if (!(await catalog.changeGroup(id, ({ retentionInDays: _, ...group }) => group))) throw noGroup();
      return {};
    },
  } satisfies LogsHandlers;
}

function refuseUnbuilt({ kmsKeyId, deletionProtectionEnabled }: CreateLogGroupCommandInput): void {
  const unbuilt =
    kmsKeyId !== undefined
      ? 'kmsKeyId: Longshore does not encrypt log groups with KMS keys.'
      : deletionProtectionEnabled
        ? 'deletionProtectionEnabled: Longshore does not protect log groups from deletion.'
        : undefined;
  if (unbuilt) throw new InvalidOperationException({ message: unbuilt, $metadata: {} });
}
