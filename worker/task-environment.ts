/** What ECS puts into the environment of every Fargate container, below what the definition says. Pure. */

export interface Surroundings {
  readonly region: string;
  /** Where AWS SDKs are to send their requests; absent: to AWS. */
  readonly endpointUrl?: string | undefined;
  /** Present where tasks reach the metadata endpoint. */
  readonly metadata?:
    | {
        /** `http://169.254.170.2` */
        readonly origin: string;
        /** Names the container in the endpoint's paths. */
        readonly containerId: string;
        /** Of tasks with a role. */
        readonly credentialsId?: string | undefined;
      }
    | undefined;
}

/** @param own what the definition, its files and its secrets say: none of these names is touched */
export function completeEnvironment(
  { region, endpointUrl, metadata }: Surroundings,
  own: Readonly<Record<string, string>>,
): Record<string, string> {
  const namesRegion = 'AWS_REGION' in own || 'AWS_DEFAULT_REGION' in own;
  return {
    AWS_EXECUTION_ENV: 'AWS_ECS_FARGATE',
    ...(namesRegion ? {} : { AWS_REGION: region, AWS_DEFAULT_REGION: region }),
    ...(endpointUrl !== undefined && { AWS_ENDPOINT_URL: endpointUrl }),
    ...(metadata && {
      ECS_CONTAINER_METADATA_URI: `${metadata.origin}/v3/${metadata.containerId}`,
      ECS_CONTAINER_METADATA_URI_V4: `${metadata.origin}/v4/${metadata.containerId}`,
      ECS_AGENT_URI: `${metadata.origin}/api/${metadata.containerId}`,
      ...(metadata.credentialsId !== undefined && {
        AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: `/v2/credentials/${metadata.credentialsId}`,
      }),
    }),
    ...own,
  };
}
