/** The account settings that exist, their values, and what holds while nobody has said anything. */
import type { SettingName } from '@aws-sdk/client-ecs';

export interface AccountSetting {
  readonly values: readonly string[];
  readonly usual: string;
  /** Values that AWS has but that cannot be honoured here, with the reason. */
  readonly refused?: Readonly<Record<string, string>>;
  /** Can only be set for the whole account. */
  readonly rootOnly?: boolean;
  /** Set by AWS, never by a caller. */
  readonly managed?: boolean;
}

const onlyLong = { disabled: 'Only the long ARN format is available.' };

export const accountSettings: Readonly<Record<SettingName, AccountSetting>> = {
  serviceLongArnFormat: { values: ['enabled', 'disabled'], usual: 'enabled', refused: onlyLong },
  taskLongArnFormat: { values: ['enabled', 'disabled'], usual: 'enabled', refused: onlyLong },
  containerInstanceLongArnFormat: { values: ['enabled', 'disabled'], usual: 'enabled', refused: onlyLong },
  awsvpcTrunking: { values: ['enabled', 'disabled'], usual: 'disabled' },
  containerInsights: { values: ['enabled', 'disabled', 'enhanced'], usual: 'disabled' },
  fargateFIPSMode: {
    values: ['enabled', 'disabled'],
    usual: 'disabled',
    refused: { enabled: 'FIPS 140 mode is not available in this Region.' },
  },
  tagResourceAuthorization: { values: ['on', 'off'], usual: 'on' },
  fargateTaskRetirementWaitPeriod: { values: ['0', '7', '14'], usual: '7', rootOnly: true },
  guardDutyActivate: { values: ['on', 'off'], usual: 'off', managed: true },
  defaultLogDriverMode: { values: ['blocking', 'non-blocking'], usual: 'non-blocking' },
  fargateEventWindows: { values: ['enabled', 'disabled'], usual: 'disabled' },
};

export const settingNames = Object.keys(accountSettings).sort() as readonly SettingName[];
