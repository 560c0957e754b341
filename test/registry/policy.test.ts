import { expect, test } from 'vitest';
import { checkNewPolicy, evaluatePolicy } from '../../core/registry/policy.ts';

const principal = { accountId: '111122223333', arn: 'arn:aws:iam::111122223333:root' };
const resource = 'arn:aws:ecr:us-east-1:000000000000:repository/app';

test('a policy of before, which could not be put any more, counts for what it says of ECR', () => {
  const text = JSON.stringify({
    Statement: [
      { Effect: 'Allow', Principal: 'nobody', Action: 's3:GetObject' },
      { Effect: 'Allow', Principal: { AWS: '111122223333' }, Action: 'ecr:BatchGetImage' },
    ],
  });
  expect(() => checkNewPolicy(text)).toThrow('s3:GetObject is not an action of ECR.');
  expect(evaluatePolicy(text, { principal, action: 'ecr:BatchGetImage', resource })).toBe('allow');
  expect(evaluatePolicy(text, { principal, action: 'ecr:PutImage', resource })).toBe('none');
});
