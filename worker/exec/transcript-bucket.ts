/** Transcripts in S3: an object for each session, `PREFIX/SESSION.log`, written when the session has ended. */
import { createReadStream } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { S3Client } from '@aws-sdk/client-s3';
import { patience, perRegion } from '../secrets-aws.ts';
import { TranscriptError, type TranscriptPlace, transcriptError } from './transcript.ts';

/** @param endpoint of something that speaks S3's protocol; undefined: sessions that name a bucket are refused */
export function bucketTranscripts(endpoint: string | undefined): TranscriptPlace {
  const clientOf = perRegion(async (region): Promise<S3Client> => {
    const { S3Client } = await import('@aws-sdk/client-s3');
    return new S3Client({ region, endpoint: endpoint ?? '', forcePathStyle: true, requestHandler: patience });
  });
  return async ({ sessionId, region }, { bucket, keyPrefix = '', bucketEncrypted }) => {
    if (bucket === undefined) return undefined;
    const place = `the S3 bucket ${bucket}`;
    if (endpoint === undefined)
      throw new TranscriptError(
        `The output of the session cannot be written to ${place}: Longshore was given no S3 endpoint (LONGSHORE_S3_ENDPOINT).`,
      );
    const Key = `${keyPrefix.replace(/\/$/, '')}/${sessionId}.log`.replace(/^\//, '');
    try {
      const client = await clientOf(region);
      await checkBucket(client, bucket, bucketEncrypted ?? false);
      const folder = await mkdtemp(join(tmpdir(), 'longshore-session-'));
      const path = join(folder, 'transcript');
      const file = await open(path, 'w', 0o600);
      return {
        write: async (data) => void (await file.write(data)),
        async close() {
          try {
            const { size } = await file.stat();
            await file.close();
            const { PutObjectCommand } = await import('@aws-sdk/client-s3');
            const Body = createReadStream(path);
            await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body, ContentLength: size }));
          } catch (error) {
            throw transcriptError(place, error);
          } finally {
            await rm(folder, { recursive: true, force: true });
          }
        },
      };
    } catch (error) {
      throw transcriptError(place, error);
    }
  };
}

async function checkBucket(client: S3Client, bucket: string, encrypted: boolean): Promise<void> {
  const { GetBucketEncryptionCommand, HeadBucketCommand } = await import('@aws-sdk/client-s3');
  await client.send(new HeadBucketCommand({ Bucket: bucket }));
  if (!encrypted) return;
  const isSet = await client.send(new GetBucketEncryptionCommand({ Bucket: bucket })).then(
    ({ ServerSideEncryptionConfiguration }) => (ServerSideEncryptionConfiguration?.Rules?.length ?? 0) > 0,
    () => false,
  );
  if (!isSet)
    throw new TranscriptError(
      'We couldn’t start the session because encryption is not set up on the selected Amazon S3 bucket. Either encrypt the bucket or choose an option to enable logging without encryption.',
    );
}
