/** Credentials of task roles from another STS, AWS's for example, in the worker's own name. */
import type { STSClient } from '@aws-sdk/client-sts';
import { patience, perRegion } from './secrets-aws.ts';
import type { AssumeTaskRole } from './task-role.ts';

/** Seconds: no role allows less, and one that was assumed itself must not ask for more. */
const lifetime = 3600;

/** @param endpoint absent: AWS's own in the task's region */
export function awsRoles(endpoint: string | undefined): AssumeTaskRole {
  const clientOf = perRegion(async (region): Promise<STSClient> => {
    const { STSClient } = await import('@aws-sdk/client-sts');
    return new STSClient({ region, requestHandler: patience, ...(endpoint !== undefined && { endpoint }) });
  });
  return async ({ recorder }, role) => {
    const { spec } = recorder.task;
    const { AssumeRoleCommand } = await import('@aws-sdk/client-sts');
    const client = await clientOf(spec.region);
    const command = new AssumeRoleCommand({
      RoleArn: role,
      RoleSessionName: spec.taskId,
      DurationSeconds: lifetime,
    });
    const { Credentials: given } = await client.send(command);
    if (!given?.AccessKeyId || !given.SecretAccessKey || !given.SessionToken || !given.Expiration)
      throw new Error(`STS gave no credentials for ${role}.`);
    return {
      accessKeyId: given.AccessKeyId,
      secretAccessKey: given.SecretAccessKey,
      sessionToken: given.SessionToken,
      expiresAt: given.Expiration.getTime(),
    };
  };
}
