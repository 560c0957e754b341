/**
 * Account setting operations. The account's default is what its root user has set: PutAccountSettingDefault and
 * PutAccountSetting for the root user write the same value.
 */
import { AccessDeniedException, type Setting, type SettingName } from '@aws-sdk/client-ecs';
import { partitionOf } from '../../core/arn.ts';
import type { Scope } from '../../core/scope.ts';
import type { Caller } from '../operation.ts';
import { accountSettings, settingNames } from './account-setting-table.ts';
import type { EcsDeps } from './deps.ts';
import { invalidParameter } from './errors.ts';
import type { EcsHandlers } from './handlers.ts';
import { pageOf, paging, shortListLimits } from './pagination.ts';

type Values = Readonly<Record<string, string>>;

export function accountSettingHandlers(deps: EcsDeps) {
  const { accountSettings: settings } = deps.store;

  return {
    PutAccountSetting: async (input, { caller }) => {
      const principalArn = principalOf(caller, input.principalArn);
      const name = knownName(input.name);
      const value = validValue(name, input.value ?? '');
      if (accountSettings[name].rootOnly && principalArn !== rootArn(caller))
        throw invalidParameter(`Account setting ${name} can only be set for the root user.`);
      await settings.put(caller, principalArn, name, value);
      return { setting: view(name, value, principalArn) };
    },

    PutAccountSettingDefault: async (input, { caller }) => {
      const name = knownName(input.name);
      const value = validValue(name, input.value ?? '');
      await settings.put(caller, rootArn(caller), name, value);
      return { setting: view(name, value, rootArn(caller)) };
    },

    DeleteAccountSetting: async (input, { caller }) => {
      const principalArn = principalOf(caller, input.principalArn);
      const name = knownName(input.name);
      if (accountSettings[name].managed) throw readOnly(name);
      await settings.delete(caller, principalArn, name);
      const { value } = effective(name, await valuesFor(deps, caller, principalArn));
      return { setting: view(name, value, principalArn) };
    },

    ListAccountSettings: async (input, { caller }) => {
      const principalArn = principalOf(caller, input.principalArn);
      if (input.value !== undefined && input.name === undefined)
        throw invalidParameter('A setting name must be specified to filter by value.');
      const pages = paging(caller, 'ListAccountSettings', input, shortListLimits);
      const values = await valuesFor(deps, caller, principalArn);
      const names = input.name === undefined ? settingNames : [knownName(input.name)];
      const all = names.flatMap((name) => {
        if (!input.effectiveSettings) {
          const value = values.own[name];
          return value === undefined ? [] : [view(name, value, principalArn)];
        }
        const { value, isOwn } = effective(name, values);
        return [view(name, value, isOwn ? principalArn : rootArn(caller))];
      });
      const matching = all.filter(({ value }) => input.value === undefined || value === input.value);
      const { items, nextToken } = pageOf(matching, pages);
      return { settings: items, nextToken };
    },
  } satisfies EcsHandlers;
}

/** The value that holds for a principal: its own, else the account's, else ECS's. */
export async function effectiveSetting(deps: EcsDeps, caller: Caller, name: SettingName): Promise<string> {
  return effective(name, await valuesFor(deps, caller, principalOf(caller, undefined))).value;
}

interface PrincipalValues {
  readonly own: Values;
  readonly account: Values;
}

async function valuesFor(deps: EcsDeps, scope: Scope, principalArn: string): Promise<PrincipalValues> {
  const { accountSettings: settings } = deps.store;
  const root = rootArn(scope);
  const account = await settings.get(scope, root);
  return { account, own: principalArn === root ? account : await settings.get(scope, principalArn) };
}

function effective(name: SettingName, { own, account }: PrincipalValues) {
  const value = own[name];
  return value === undefined
    ? { value: account[name] ?? accountSettings[name].usual, isOwn: false }
    : { value, isOwn: true };
}

function rootArn(scope: Scope): string {
  return `arn:${partitionOf(scope.region)}:iam::${scope.accountId}:root`;
}

/**
 * The principal whose settings a request is about.
 * @throws InvalidParameterException for what is no principal of this account
 * @throws AccessDeniedException unless the caller is that principal or the root user
 */
function principalOf(caller: Caller, given: string | undefined): string {
  const isRoot = caller.arn.endsWith(':root');
  const own = isRoot ? rootArn(caller) : caller.arn;
  if (given === undefined || given === own) return own;
  const match = /^arn:([^:]+):iam::(\d{12}):(root|(user|role)\/[\w+=,.@/-]+)$/.exec(given);
  if (match?.[1] !== partitionOf(caller.region) || match[2] !== caller.accountId)
    throw invalidParameter(`Invalid principalArn: ${given}`);
  if (!isRoot)
    throw new AccessDeniedException({
      message: `${caller.arn} is not authorized to access the account settings of ${given}.`,
      $metadata: {},
    });
  return given;
}

function isKnown(name: string): name is SettingName {
  return Object.hasOwn(accountSettings, name);
}

function knownName(name: string | undefined): SettingName {
  if (name === undefined || !isKnown(name))
    throw invalidParameter(`unknown should be one of [${settingNames.join(',')}]`);
  return name;
}

function validValue(name: SettingName, value: string): string {
  const { values, refused, managed } = accountSettings[name];
  if (managed) throw readOnly(name);
  if (!values.includes(value))
    throw invalidParameter(
      `Invalid value for account setting ${name}: ${value}. It must be one of ${values.join(', ')}.`,
    );
  const reason = refused?.[value];
  if (reason !== undefined) throw invalidParameter(`Account setting ${name} cannot be set to ${value}: ${reason}`);
  return value;
}

function readOnly(name: SettingName) {
  return invalidParameter(`Account setting ${name} is read-only.`);
}

function view(name: SettingName, value: string, principalArn: string): Setting {
  return { name, value, principalArn, type: accountSettings[name].managed ? 'aws_managed' : 'user' };
}
