/** What of an image a container needs besides its files. */

export interface Image {
  /** Names the file system in the cache: hexadecimal. */
  readonly key: string;
  /** `sha256:…` of its configuration. */
  readonly digest: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly environment: readonly string[];
  readonly workingDirectory: string;
  readonly user: string;
  readonly stopSignal?: string;
  readonly volumes: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** The `config` of an OCI image's configuration, which an engine's inspect tells too. */
export interface ImageConfiguration {
  readonly Entrypoint?: string | readonly string[] | null;
  readonly Cmd?: string | readonly string[] | null;
  readonly Env?: readonly string[] | null;
  readonly WorkingDir?: string;
  readonly User?: string;
  readonly StopSignal?: string;
  readonly Volumes?: Readonly<Record<string, unknown>> | null;
  readonly Labels?: Readonly<Record<string, string>> | null;
}

export function imageOf(digest: string, config: ImageConfiguration): Image {
  return {
    key: digest.replace(/^sha256:/, ''),
    digest,
    entrypoint: listOf(config.Entrypoint),
    command: listOf(config.Cmd),
    environment: config.Env ?? [],
    workingDirectory: config.WorkingDir || '/',
    user: config.User ?? '',
    ...(config.StopSignal ? { stopSignal: config.StopSignal } : {}),
    volumes: Object.keys(config.Volumes ?? {}),
    labels: config.Labels ?? {},
  };
}

function listOf(value: string | readonly string[] | null | undefined): readonly string[] {
  return typeof value === 'string' ? [value] : (value ?? []);
}
