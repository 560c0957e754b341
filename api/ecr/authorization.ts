/** GetAuthorizationToken. */
import type { EcrDeps, EcrHandlers } from './deps.ts';

/** Seconds; as on AWS. */
const lifetime = 12 * 3600;

export function authorizationHandlers({ tokens, registryHost }: EcrDeps) {
  return {
    // One token opens every registry that the caller may use; registryIds are deprecated and get the same one.
    GetAuthorizationToken: async ({ registryIds = [] }, { caller }) => {
      const { accountId, region, arn } = caller;
      const { password, expiresAt } = await tokens.issue({ accountId, region, arn }, lifetime);
      const data = {
        authorizationToken: Buffer.from(`AWS:${password}`).toString('base64'),
        expiresAt: new Date(expiresAt),
        proxyEndpoint: `http://${registryHost()}`,
      };
      return { authorizationData: registryIds.length > 0 ? registryIds.map(() => data) : [data] };
    },
  } satisfies EcrHandlers;
}
