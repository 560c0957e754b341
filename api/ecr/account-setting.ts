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
      if (name === 'REGISTRY_POLICY_SCOPE' && value !== values[0])
        throw invalidParameter('value', 'Longshore enforces registry policies for replication only (V1)');
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
