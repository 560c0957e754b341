/** Makes an image out of a tar of a root file system, through the engine and without any registry. */
import { DriverError } from '../driver.ts';
import { type Engine, failure } from './engine.ts';
import { jsonLines } from './json-lines.ts';

export interface ImportRequest {
  readonly repository: string;
  readonly tag: string;
  readonly tar: Buffer;
  /** Dockerfile instructions such as `CMD ["/bin/sh"]`. */
  readonly changes?: readonly string[];
  /** For example `linux/arm64`; the engine's own when absent. */
  readonly platform?: string;
}

/** @throws DriverError kind engine */
export async function importImage(engine: Engine, request: ImportRequest): Promise<void> {
  try {
    await engine.call(async (docker) => {
      const answer = await docker.importImage(request.tar as never, {
        repo: request.repository,
        tag: request.tag,
        ...(request.changes ? { changes: [...request.changes] } : {}),
        ...(request.platform ? { platform: request.platform } : {}),
      });
      for await (const line of jsonLines<{ error?: string }>(answer))
        if (line.error) throw new DriverError('engine', line.error);
    });
  } catch (error) {
    throw failure('engine', error);
  }
}
