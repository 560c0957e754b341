import {
  DeleteAccountSettingCommand,
  type ECSClient,
  ListAccountSettingsCommand,
  type ListAccountSettingsCommandInput,
  PutAccountSettingCommand,
  PutAccountSettingDefaultCommand,
  paginateListAccountSettings,
  type SettingName,
} from '@aws-sdk/client-ecs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiStack, createApiStack } from '../support/stack.ts';
import { refused } from './expect-error.ts';

let stack: ApiStack;
let root: ECSClient;
let alice: ECSClient;

beforeAll(async () => {
  stack = await createApiStack();
  root = await stack.client();
  alice = await stack.client({ principal: 'user/alice' });
});
afterAll(() => stack?.close());

const rootArn = 'arn:aws:iam::000000000000:root';
const aliceArn = 'arn:aws:iam::000000000000:user/alice';
const put = (client: ECSClient, name: SettingName, value: string, principalArn?: string) =>
  client.send(new PutAccountSettingCommand({ name, value, principalArn }));
const list = async (client: ECSClient, input: ListAccountSettingsCommandInput) =>
  (await client.send(new ListAccountSettingsCommand(input))).settings;

describe('account settings', () => {
  it('have a value for every name', async () => {
    const all = [];
    for await (const page of paginateListAccountSettings({ client: root }, { effectiveSettings: true }))
      all.push(...(page.settings ?? []));
    expect(Object.fromEntries(all.map(({ name, value }) => [name, value]))).toEqual({
      serviceLongArnFormat: 'enabled',
      taskLongArnFormat: 'enabled',
      containerInstanceLongArnFormat: 'enabled',
      awsvpcTrunking: 'disabled',
      containerInsights: 'disabled',
      fargateFIPSMode: 'disabled',
      tagResourceAuthorization: 'on',
      fargateTaskRetirementWaitPeriod: '7',
      guardDutyActivate: 'off',
      defaultLogDriverMode: 'non-blocking',
      fargateEventWindows: 'disabled',
    });
    expect(all).toContainEqual({ name: 'guardDutyActivate', value: 'off', principalArn: rootArn, type: 'aws_managed' });
    expect(await list(root, {})).toEqual([]);
    expect(await list(root, { effectiveSettings: true })).toHaveLength(10);
    await refused(list(root, { maxResults: 11 }), 'InvalidParameterException');
  });

  it("of a user go before the account's, which go before ECS's", async () => {
    const name = 'containerInsights';
    const effective = () => list(alice, { name, effectiveSettings: true });
    await root.send(new PutAccountSettingDefaultCommand({ name, value: 'enabled' }));
    expect(await effective()).toEqual([{ name, value: 'enabled', principalArn: rootArn, type: 'user' }]);
    expect(await list(alice, { name })).toEqual([]);
    expect((await put(alice, name, 'enhanced')).setting).toEqual({
      name,
      value: 'enhanced',
      principalArn: aliceArn,
      type: 'user',
    });
    expect(await effective()).toMatchObject([{ value: 'enhanced', principalArn: aliceArn }]);
    expect(await list(root, { principalArn: aliceArn })).toMatchObject([{ name, value: 'enhanced' }]);
    expect(await list(root, { name, value: 'disabled' })).toEqual([]);
    const { setting } = await alice.send(new DeleteAccountSettingCommand({ name }));
    expect(setting).toMatchObject({ name, value: 'enabled' });
    expect(await effective()).toMatchObject([{ value: 'enabled', principalArn: rootArn }]);
    await put(root, name, 'disabled');
    expect(await effective()).toMatchObject([{ value: 'disabled', principalArn: rootArn }]);
  });

  it.each<[SettingName, string]>([
    ['containerInsights', 'on'],
    ['tagResourceAuthorization', 'enabled'],
    ['fargateTaskRetirementWaitPeriod', '8'],
    ['guardDutyActivate', 'on'],
    ['taskLongArnFormat', 'disabled'],
    ['fargateFIPSMode', 'enabled'],
    ['awsvpcTrunking', ''],
  ])('refuse %s = %j', (name, value) => refused(put(root, name, value), 'InvalidParameterException'));

  it('refuse what is not the principal’s to say', async () => {
    await refused(
      put(alice, 'containerInsights', 'enabled', 'arn:aws:iam::000000000000:user/bob'),
      'AccessDeniedException',
    );
    await refused(put(alice, 'fargateTaskRetirementWaitPeriod', '0'), 'InvalidParameterException');
    await refused(
      put(root, 'containerInsights', 'enabled', 'arn:aws:iam::111122223333:user/bob'),
      'InvalidParameterException',
    );
    await refused(put(root, 'containerInsights', 'enabled', 'bob'), 'InvalidParameterException');
    await refused(list(root, { value: 'enabled' }), 'InvalidParameterException');
  });
});
