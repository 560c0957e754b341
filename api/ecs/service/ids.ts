/** New names of what a service is made of, in ECS's forms. */
import type { EcsDeps } from '../deps.ts';

type Ids = Pick<EcsDeps, 'newUuid'>;

/** `ecs-svc/` and 19 digits: of deployments and task sets. */
export function newDeploymentId(ids: Ids): string {
  return `ecs-svc/${nineteenDigits(ids)}`;
}

export function newRevisionId(ids: Ids): string {
  return nineteenDigits(ids);
}

/** 21 letters, digits, `-` and `_`. */
export function newServiceDeploymentId({ newUuid }: Ids): string {
  return Buffer.from(newUuid().replaceAll('-', ''), 'hex').toString('base64url').slice(0, 21);
}

function nineteenDigits({ newUuid }: Ids): string {
  const number = BigInt(`0x${newUuid().replaceAll('-', '')}`) % 9_000_000_000_000_000_000n;
  return String(number + 1_000_000_000_000_000_000n);
}
