/** A scope is one world of resources: an account in a region. Nothing crosses it. */
export interface Scope {
  /** Twelve digits. */
  readonly accountId: string;
  /** For example `us-east-1`. */
  readonly region: string;
}

/** `account:region`, the part of every Redis key that keeps worlds apart. */
export function scopeKey(scope: Scope): string {
  return `${scope.accountId}:${scope.region}`;
}
