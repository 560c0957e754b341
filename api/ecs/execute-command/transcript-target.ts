/** Where ECS Exec writes a session's output down. Pure. */
import type { ExecuteCommandConfiguration, LogConfiguration } from '@aws-sdk/client-ecs';
import type { TranscriptTarget } from '../../../core/exec/session.ts';
import type { Scope } from '../../../core/scope.ts';

/**
 * DEFAULT, which is also what a cluster without a configuration has: the container's own log group, if it has one.
 * undefined: nowhere.
 * (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ExecuteCommandConfiguration.html)
 */
export function transcriptTarget(
  configuration: ExecuteCommandConfiguration | undefined,
  scope: Scope,
  log: LogConfiguration | undefined,
): TranscriptTarget | undefined {
  const { logging = 'DEFAULT', logConfiguration: override = {} } = configuration ?? {};
  if (logging === 'NONE') return undefined;
  if (logging === 'DEFAULT') {
    const { 'awslogs-group': logGroup, 'awslogs-region': logRegion = scope.region } = log?.options ?? {};
    return log?.logDriver === 'awslogs' && logGroup ? { logGroup, logRegion, required: false } : undefined;
  }
  const { cloudWatchLogGroupName, cloudWatchEncryptionEnabled, s3BucketName, s3EncryptionEnabled, s3KeyPrefix } =
    override;
  return {
    ...(cloudWatchLogGroupName && {
      logGroup: cloudWatchLogGroupName,
      logRegion: scope.region,
      logGroupEncrypted: cloudWatchEncryptionEnabled ?? false,
    }),
    ...(s3BucketName && {
      bucket: s3BucketName,
      keyPrefix: s3KeyPrefix ?? '',
      bucketEncrypted: s3EncryptionEnabled ?? false,
    }),
    required: true,
  };
}
