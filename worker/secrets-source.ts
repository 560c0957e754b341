/** Where workers have secrets from: Longshore's own stores, or services that speak AWS's protocols elsewhere. */
import type { Scope } from '../core/scope.ts';

export interface WantedSecret {
  readonly secretId: string;
  readonly versionStage?: string;
  readonly versionId?: string;
}

export interface ParameterSource {
  /** Values by the names asked for; those that do not exist are left out. At most ten names. */
  parameters(scope: Scope, names: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, string>>;
}

export interface SecretValueSource {
  /** undefined: the secret is binary. */
  secret(scope: Scope, wanted: WantedSecret, signal: AbortSignal): Promise<string | undefined>;
}

/** A source could not answer. The message never holds a value: `ResourceNotFoundException: Secrets Manager can't find …`. */
export class SourceError extends Error {
  override readonly name = 'SourceError';
  /** Times that the call was repeated. */
  readonly retries: number;
  constructor(message: string, retries = 0) {
    super(message);
    this.retries = retries;
  }
}
