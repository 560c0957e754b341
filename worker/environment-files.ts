/**
 * environmentFiles: variables from objects in S3.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/use-environment-file.html
 */
import type { EnvironmentFile } from '@aws-sdk/client-ecs';
import type { S3Client } from '@aws-sdk/client-s3';
import { ResourceError } from './resource-error.ts';
import { asSourceError, patience, perRegion } from './secrets-aws.ts';
import { SourceError } from './secrets-source.ts';

export interface ObjectSource {
  /** @throws SourceError */
  read(object: { readonly bucket: string; readonly key: string }, region: string, signal: AbortSignal): Promise<string>;
}

/** Bytes; a file of variables that is longer is none. */
const longestFile = 10 * 2 ** 20;

/** @param endpoint of something that speaks S3's protocol, with buckets in its path; undefined: AWS's own */
export function s3Objects(endpoint: string | undefined): ObjectSource {
  const clientOf = perRegion(async (region): Promise<S3Client> => {
    const { S3Client } = await import('@aws-sdk/client-s3');
    return new S3Client({
      region,
      followRegionRedirects: true,
      requestHandler: patience,
      ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
    });
  });
  return {
    read: async ({ bucket, key }, region, signal) =>
      await asSourceError(signal, async () => {
        const { GetObjectCommand } = await import('@aws-sdk/client-s3');
        const client = await clientOf(region);
        const command = new GetObjectCommand({ Bucket: bucket, Key: key });
        const { Body } = await client.send(command, { abortSignal: signal });
        const chunks: Uint8Array[] = [];
        let length = 0;
        for await (const chunk of (Body ?? []) as AsyncIterable<Uint8Array>) {
          length += chunk.length;
          if (length > longestFile) throw new SourceError(`the file is longer than ${longestFile} bytes`);
          chunks.push(chunk);
        }
        return Buffer.concat(chunks).toString('utf8');
      }),
  };
}

export type Variables = ReadonlyMap<string, string>;

/**
 * The variables of all files together: where two have the same one, the earlier file's counts.
 * @throws ResourceError in Fargate's words
 */
export async function fetchEnvironmentFiles(
  source: ObjectSource,
  files: readonly EnvironmentFile[],
  region: string,
  signal: AbortSignal,
): Promise<Variables> {
  const texts = await Promise.all(files.map(async ({ value = '' }) => await readFile(source, value, region, signal)));
  return new Map(
    texts
      .map(parseEnvironmentFile)
      .reverse()
      .flatMap((variables) => [...variables]),
  );
}

async function readFile(source: ObjectSource, arn: string, region: string, signal: AbortSignal): Promise<string> {
  const [, bucket, key] = /^arn:[^:]+:s3:::([^/]+)\/(.+)$/s.exec(arn) ?? [];
  if (bucket === undefined || key === undefined) throw failure(`${arn} is not the ARN of an object in S3`);
  try {
    return await source.read({ bucket, key }, region, signal);
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    throw failure(`${arn}: service call has been retried ${error.retries} time(s): ${error.message}`);
  }
}

function failure(words: string): ResourceError {
  return new ResourceError(`failed to download env files: file download command: non empty error stream: ${words}`);
}

/**
 * One `NAME=value` on each line, nothing unquoted or expanded. Comments and whatever is not of that form, or has an
 * empty name or value, is passed over, as ECS does.
 */
export function parseEnvironmentFile(text: string): Variables {
  const variables = new Map<string, string>();
  for (const line of text.split('\n').map((each) => each.replace(/\r$/, ''))) {
    const equals = line.indexOf('=');
    if (line.startsWith('#') || equals <= 0 || equals === line.length - 1) continue;
    variables.set(line.slice(0, equals), line.slice(equals + 1));
  }
  return variables;
}
