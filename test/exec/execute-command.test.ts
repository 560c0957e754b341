/** What ExecuteCommand accepts, refuses and tells, and the agent that DescribeTasks shows. */
import {
  CreateClusterCommand,
  DescribeTasksCommand,
  ExecuteCommandCommand,
  type ExecuteCommandCommandInput,
  UpdateClusterCommand,
} from '@aws-sdk/client-ecs';
import { ResumeSessionCommand, SSMClient, TerminateSessionCommand } from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { transcriptTarget } from '../../api/ecs/execute-command/transcript-target.ts';
import { is, run, stop, until } from '../lifecycle/support.ts';
import { openSession } from './client.ts';
import { type ExecStack, roleArn, startExecStack } from './support.ts';

const notEnabled =
  'The execute command failed because execute command was not enabled when the task was run or the execute command agent isn’t running. Wait and try again or run a new task with execute command enabled and try again.';

describe('ExecuteCommand', () => {
  let exec: ExecStack;
  let task: string;
  let pair: string;
  let plain: string;
  beforeAll(async () => {
    exec = await startExecStack();
    task = await exec.task();
    pair = await exec.task({ name: 'one' }, { name: 'two' });
    plain = await run(exec.lifecycle, [{ name: 'app' }]);
    await until(exec.lifecycle, plain, is('RUNNING'));
    await exec.lifecycle.ecs.send(new CreateClusterCommand({ clusterName: 'other' }));
  });
  afterAll(async () => await exec?.close());

  const send = async (input: Partial<ExecuteCommandCommandInput>) =>
    await exec.lifecycle.ecs.send(new ExecuteCommandCommand({ task, command: 'sh', interactive: true, ...input }));

  test.each([
    [
      'not interactive',
      () => ({ interactive: false }),
      'InvalidParameterException',
      'Interactive is the only mode supported currently.',
    ],
    ['no such cluster', () => ({ cluster: 'nowhere' }), 'ClusterNotFoundException', 'Cluster not found.'],
    [
      'a task of another cluster',
      () => ({ cluster: 'other', task: task.split('/').at(-1) }),
      'InvalidParameterException',
      'The referenced task was not found.',
    ],
    [
      'no such task',
      () => ({ task: 'f'.repeat(32) }),
      'InvalidParameterException',
      'The referenced task was not found.',
    ],
    ['no task id', () => ({ task: 'abc' }), 'InvalidParameterException', 'task length should be one of [32,36]'],
    [
      'several containers',
      () => ({ task: pair }),
      'InvalidParameterException',
      'A container name must be specified for tasks that have multiple containers.',
    ],
    [
      'no such container',
      () => ({ container: 'x' }),
      'InvalidParameterException',
      'The container x was not found in the task.',
    ],
    ['not enabled', () => ({ task: plain }), 'InvalidParameterException', notEnabled],
    [
      'half a quote',
      () => ({ command: "sh -c 'x" }),
      'InvalidParameterException',
      'The command cannot be parsed: a quote is not closed.',
    ],
  ] as const)('%s', async (_what, input, name, message) => {
    await expect(send(input())).rejects.toMatchObject({ name, message });
  });

  test('a container that has not started, and one that has stopped', async () => {
    const arn = await run(
      exec.lifecycle,
      [
        { name: 'app', essential: false },
        { name: 'slow', dependsOn: [{ containerName: 'app', condition: 'COMPLETE' }] },
      ],
      { enableExecuteCommand: true },
      { taskRoleArn: roleArn },
    );
    await until(exec.lifecycle, arn, ({ containers }) => containers?.[0]?.lastStatus === 'RUNNING');
    const [waiting] = (await exec.lifecycle.ecs.send(new DescribeTasksCommand({ tasks: [arn] }))).tasks ?? [];
    expect(waiting?.containers?.map(({ managedAgents }) => managedAgents?.map(({ lastStatus }) => lastStatus))).toEqual(
      [['RUNNING'], ['PENDING']],
    );
    expect(waiting?.containers?.[0]?.managedAgents?.[0]?.lastStartedAt).toBeInstanceOf(Date);
    await expect(send({ task: arn, container: 'slow' })).rejects.toMatchObject({ message: notEnabled });
    await stop(exec.lifecycle, arn);
    await expect
      .poll(async () => {
        const { tasks = [] } = await exec.lifecycle.ecs.send(new DescribeTasksCommand({ tasks: [arn] }));
        return tasks[0]?.containers?.map(({ managedAgents }) => managedAgents?.[0]?.lastStatus);
      })
      .toEqual(['STOPPED', 'STOPPED']);
    await expect(send({ task: arn, container: 'app' })).rejects.toMatchObject({ name: 'InvalidParameterException' });
  });

  test('a container by name, and the default command', async () => {
    const answer = await send({ task: pair, container: 'two', command: ' ' });
    expect(answer).toMatchObject({
      containerName: 'two',
      containerArn: expect.stringContaining(':container/default/'),
    });
    const client = await openSession({ session: answer.session ?? {} });
    await client.until('sh\r\n');
    client.type('\x04');
    expect(await client.closed).toBe('');
  });

  test('sessions are their account’s', async () => {
    const session = await exec.ask(task);
    const key = await exec.lifecycle.stack.key('111122223333');
    const stranger = new SSMClient({ endpoint: exec.lifecycle.stack.endpoint, region: 'us-east-1', credentials: key });
    const SessionId = session.sessionId;
    expect((await stranger.send(new ResumeSessionCommand({ SessionId }))).TokenValue).toBeUndefined();
    await stranger.send(new TerminateSessionCommand({ SessionId }));
    stranger.destroy();
    const client = await openSession({ session });
    await client.until('sh');
    client.type('\x04');
    await client.closed;
  });

  test('a key that sessions should be encrypted with is refused', async () => {
    const { ecs } = exec.lifecycle;
    const configure = async (executeCommandConfiguration: object) =>
      await ecs.send(new UpdateClusterCommand({ cluster: 'default', configuration: { executeCommandConfiguration } }));
    await configure({ kmsKeyId: 'alias/exec', logging: 'NONE' });
    await expect(send({})).rejects.toMatchObject({ message: expect.stringContaining('alias/exec') });
    await configure({ logging: 'NONE' });
    expect((await send({})).session?.tokenValue).toBeTruthy();
  });
});

test('where output is written down', () => {
  const scope = { accountId: '000000000000', region: 'eu-west-1' };
  const awslogs = {
    logDriver: 'awslogs',
    options: { 'awslogs-group': '/app', 'awslogs-region': 'us-east-2' },
  } as const;
  const own = { logGroup: '/app', logRegion: 'us-east-2', required: false };
  expect(transcriptTarget(undefined, scope, awslogs)).toEqual(own);
  expect(transcriptTarget({ logging: 'DEFAULT' }, scope, awslogs)).toEqual(own);
  expect(transcriptTarget(undefined, scope, { logDriver: 'splunk' })).toBeUndefined();
  expect(transcriptTarget(undefined, scope, undefined)).toBeUndefined();
  expect(transcriptTarget({ logging: 'NONE' }, scope, awslogs)).toBeUndefined();
  const logConfiguration = { cloudWatchLogGroupName: '/exec', cloudWatchEncryptionEnabled: true, s3BucketName: 'b' };
  expect(transcriptTarget({ logging: 'OVERRIDE', logConfiguration }, scope, awslogs)).toEqual({
    logGroup: '/exec',
    logRegion: 'eu-west-1',
    logGroupEncrypted: true,
    bucket: 'b',
    keyPrefix: '',
    bucketEncrypted: false,
    required: true,
  });
});
