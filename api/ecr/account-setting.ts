/** Account settings of ECR. */
import type { Scope } from '../../core/scope.ts';
import type { RegistrySettingsStore } from '../../core/store/registry-settings-store.ts';
import type { EcrDeps, EcrHandlers } from './deps.ts';
import { invalidParameter } from './errors.ts';

/** Values that a setting may have, its default first. */
const known: Readonly<Record<string, readonly string[]>> = {
  BASIC_SCAN_TYPE_VERSION: ['AWS_NATIVE', 'CLAIR'],
  REGISTRY_POLICY_SCOPE: ['V1', 'V2'],
  BLOB_MOUNTING: ['ENABLED', 'DISABLED'],
};

export function accountSettingHandlers({ settings }: EcrDeps) {
  return {
    GetAccountSetting: async ({ name = '' }, { caller }) => {
      const values = valuesOf(name);
      return { name, value: (await settings.get<string>(caller, 'account-setting', name)) ?? values[0] };
    },

    PutAccountSetting: async ({ name = '', value = '' }, { caller }) => {
      const values = valuesOf(name);
      if (!values.includes(value))
        throw invalidParameter('value', `Member must satisfy enum value set: [${values.join(', ')}]`);
      await settings.put(caller, 'account-setting', name, value);
      return { name, value };
    },
  } satisfies EcrHandlers;
}

function valuesOf(name: string): readonly string[] {
  const values = Object.hasOwn(known, name) ? known[name] : undefined;
  if (!values) throw invalidParameter('name', `Member must satisfy enum value set: [${Object.keys(known).join(', ')}]`);
  return values;
}

/** Whether a registry takes blobs from another of its repositories. */
export function blobMounting(settings: RegistrySettingsStore): (registry: Scope) => Promise<boolean> {
  return async (registry) => (await settings.get<string>(registry, 'account-setting', 'BLOB_MOUNTING')) !== 'DISABLED';
}

/**
 * The policy of a registry that is for all actions: https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry-permissions.html
 * @returns undefined: there is none, or it is for replication alone (V1)
 */
export function registryPolicy(settings: RegistrySettingsStore): (registry: Scope) => Promise<string | undefined> {
  return async (registry) => {
    if ((await settings.get<string>(registry, 'account-setting', 'REGISTRY_POLICY_SCOPE')) !== 'V2') return undefined;
    return await settings.get<string>(registry, 'policy');
  };
}
