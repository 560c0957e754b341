import { expect, it } from 'vitest';
import { secretsManagerConstraints } from '../../api/protocol/constraints/secrets-manager.ts';
import { ssmConstraints } from '../../api/protocol/constraints/ssm.ts';
import { demandsOf } from '../../api/protocol/validation.ts';

it("every pattern of the services' models can be tried", () => {
  for (const { shapes } of [ssmConstraints, secretsManagerConstraints])
    for (const constraint of Object.values(shapes))
      for (const demand of demandsOf(constraint)) expect(typeof demand.holds('text')).toBe('boolean');
});
