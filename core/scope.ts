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

/** Whether a text has the form of a region's name; new ones need no new version of this. */
export function isRegion(text: string): boolean {
  return /^[a-z]{2,8}(-[a-z]{1,16}){1,3}-\d{1,2}$/.test(text);
}
