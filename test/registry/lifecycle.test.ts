import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Digest } from '../../core/registry/digest.ts';
import {
  evaluateLifecyclePolicy,
  LifecyclePolicyError,
  type LifecycleRule,
  parseLifecyclePolicy,
} from '../../core/registry/lifecycle-policy.ts';
import { type ImageDetail, matchesWildcard } from '../../core/registry/repository.ts';

const day = 24 * 3600 * 1000;
const now = 1000 * day;

function image(name: string, age: number, tags: readonly string[], more: Partial<ImageDetail> = {}): ImageDetail {
  return {
    digest: `sha256:${name}`,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    pushedAt: now - age * day,
    manifestSize: 1,
    size: 1,
    blobs: [],
    children: [],
    tags,
    ...more,
  };
}

function rule(
  rulePriority: number,
  selection: Partial<LifecycleRule['selection']> & Pick<LifecycleRule['selection'], 'tagStatus'>,
  action: LifecycleRule['action'] = { type: 'expire' },
): LifecycleRule {
  return { rulePriority, selection: { countType: 'imageCountMoreThan', countNumber: 1, ...selection }, action };
}

function taken(rules: readonly LifecycleRule[], images: readonly ImageDetail[], children: readonly Digest[] = []) {
  const verdicts = evaluateLifecyclePolicy(rules, images, new Set(children), now);
  return Object.fromEntries(
    [...verdicts].map(([digest, { rulePriority, action }]) => [digest.slice(7), `${rulePriority} ${action}`]),
  );
}

/** https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_examples.html */
describe('lifecycle policies', () => {
  it('expire by count, the oldest first', () => {
    const images = [image('a', 1, ['x']), image('b', 2, ['y']), image('c', 3, [])];
    expect(taken([rule(1, { tagStatus: 'any', countNumber: 1 })], images)).toEqual({ b: '1 expire', c: '1 expire' });
    expect(taken([rule(1, { tagStatus: 'untagged', countNumber: 1 })], images)).toEqual({});
  });

  it('expire by age, by the last pull and by the time in the archive', () => {
    const since = (countType: LifecycleRule['selection']['countType']) =>
      rule(1, {
        tagStatus: 'any',
        countType,
        countUnit: 'days',
        countNumber: 14,
        ...(countType === 'sinceImageTransitioned' && { storageClass: 'archive' }),
      });
    const images = [
      image('new', 1, []),
      image('old', 20, []),
      image('used', 20, [], { pulledAt: now - day }),
      image('archived', 50, [], { storage: { class: 'ARCHIVE', archivedAt: now - 20 * day } }),
    ];
    expect(taken([since('sinceImagePushed')], images)).toEqual({ old: '1 expire', used: '1 expire' });
    expect(taken([since('sinceImagePulled')], images)).toEqual({ old: '1 expire' });
    expect(taken([since('sinceImageTransitioned')], images)).toEqual({ archived: '1 expire' });
  });

  it('archive', () => {
    const archive = rule(1, { tagStatus: 'any' }, { type: 'transition', targetStorageClass: 'archive' });
    expect(taken([archive], [image('a', 1, []), image('b', 2, [])])).toEqual({ b: '1 archive' });
  });

  it('leave what a rule of a higher priority names to that rule', () => {
    // The documentation's example: prod keeps one, beta keeps one, an image of both is prod's.
    const images = [
      image('a', 5, ['beta-1', 'prod-1']),
      image('b', 4, ['beta-2', 'prod-2']),
      image('c', 3, ['beta-3']),
    ];
    const rules = [
      rule(1, { tagStatus: 'tagged', tagPrefixList: ['prod'] }),
      rule(2, { tagStatus: 'tagged', tagPrefixList: ['beta'] }),
    ];
    expect(taken(rules, images)).toEqual({ a: '1 expire' });
    const others = [
      rule(1, { tagStatus: 'tagged', tagPrefixList: ['beta'] }),
      rule(2, { tagStatus: 'tagged', tagPrefixList: ['prod'] }),
    ];
    expect(taken(others, images)).toEqual({ a: '1 expire', b: '1 expire' });
  });

  it('want all of several prefixes or patterns', () => {
    const images = [
      image('a', 2, ['alpha-1', 'beta-1']),
      image('b', 1, ['alpha-2']),
      image('c', 3, ['alpha-3', 'beta-3']),
    ];
    expect(taken([rule(1, { tagStatus: 'tagged', tagPrefixList: ['alpha', 'beta'] })], images)).toEqual({
      c: '1 expire',
    });
    expect(taken([rule(1, { tagStatus: 'tagged', tagPatternList: ['alpha*', '*-3'] })], images)).toEqual({});
    expect(taken([rule(1, { tagStatus: 'tagged', tagPatternList: ['alpha*'] })], images)).toEqual({
      a: '1 expire',
      c: '1 expire',
    });
  });

  it('take images of an index and what is about another image only with these', () => {
    const images = [
      image('index', 1, ['v1']),
      image('child', 9, []),
      image('signature', 9, [], { subject: 'sha256:index' }),
    ];
    expect(
      taken([rule(1, { tagStatus: 'untagged', countType: 'sinceImagePushed', countUnit: 'days' })], images, [
        'sha256:child',
      ]),
    ).toEqual({});
  });

  it('never take an image twice, and never one that is not selected', () => {
    const tag = fc.constantFrom('prod-1', 'prod-2', 'beta-1', 'dev');
    const images = fc.array(fc.record({ age: fc.nat(50), tags: fc.uniqueArray(tag) }), { maxLength: 20 });
    const prefix = fc.constantFrom('prod', 'beta', 'dev');
    const rules = fc.array(fc.record({ prefix, count: fc.integer({ min: 1, max: 5 }) }), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(images, rules, (someImages, someRules) => {
        const all = someImages.map(({ age, tags }, at) => image(String(at), age, tags));
        const policy = someRules.map(({ prefix, count }, at) =>
          rule(at + 1, { tagStatus: 'tagged', tagPrefixList: [prefix], countNumber: count }),
        );
        const verdicts = evaluateLifecyclePolicy(policy, all, new Set(), now);
        for (const [digest, { rulePriority }] of verdicts) {
          const owner = all.find((one) => one.digest === digest);
          const first = policy.find(({ selection }) =>
            owner?.tags.some((one) => one.startsWith(selection.tagPrefixList?.[0] ?? '')),
          );
          expect(first?.rulePriority).toBe(rulePriority);
        }
        for (const { selection } of policy) {
          const left = all.filter(
            (one) =>
              !verdicts.has(one.digest) && one.tags.some((tag) => tag.startsWith(selection.tagPrefixList?.[0] ?? '')),
          );
          const there = all.filter((one) => one.tags.some((tag) => tag.startsWith(selection.tagPrefixList?.[0] ?? '')));
          if (selection === policy[0]?.selection)
            expect(left.length).toBe(Math.min(there.length, selection.countNumber));
        }
      }),
    );
  });

  const good = {
    rulePriority: 1,
    selection: { tagStatus: 'any', countType: 'imageCountMoreThan', countNumber: 1 },
    action: { type: 'expire' },
  };
  it.each([
    ['nonsense', 'Could not map policyString into LifecyclePolicy.'],
    ['{}', 'object has missing required properties (["rules"])'],
    [
      JSON.stringify({ rules: [], more: 1 }),
      'object instance has properties which are not allowed by the schema: ["more"]',
    ],
    [
      JSON.stringify({ rules: [{ ...good, rulePriority: 0 }] }),
      'numeric instance is lower than the required minimum (minimum: 1, found: 0)',
    ],
    [
      JSON.stringify({ rules: [{ ...good, rulePriority: '1' }] }),
      'instance type (string) does not match any allowed primitive type (allowed: ["integer"])',
    ],
    [
      JSON.stringify({ rules: Array.from({ length: 51 }, (_, index) => ({ ...good, rulePriority: index + 1 })) }),
      'array is too long: must have at most 50 elements but instance has 51 elements',
    ],
    [JSON.stringify({ rules: [good, good] }), 'rulePriority must be unique across all rules'],
    [
      JSON.stringify({ rules: [{ ...good, action: { type: 'keep' } }] }),
      'instance value ("keep") not found in enum (possible values: ["expire","transition"])',
    ],
    [
      JSON.stringify({ rules: [{ ...good, selection: { ...good.selection, tagStatus: 'tagged' } }] }),
      'tagPrefixList or tagPatternList must be specified, and not both, when tagStatus is tagged',
    ],
    [
      JSON.stringify({ rules: [{ ...good, selection: { ...good.selection, countType: 'sinceImagePushed' } }] }),
      'object has missing required properties (["countUnit"])',
    ],
    [
      JSON.stringify({
        rules: [{ ...good, selection: { ...good.selection, tagStatus: 'tagged', tagPatternList: ['*****'] } }],
      }),
      'a tag pattern can have at most 4 wildcards',
    ],
    [
      JSON.stringify({
        rules: [good, { ...good, rulePriority: 2, selection: { ...good.selection, tagStatus: 'untagged' } }],
      }),
      'a rule that selects any images must have the highest rulePriority',
    ],
  ])('refuse %s', (text, message) => {
    expect(() => parseLifecyclePolicy(text)).toThrow(new LifecyclePolicyError(message));
  });
});

it('wildcards match as regular expressions would', () => {
  const letter = fc.constantFrom('a', 'b', '*');
  fc.assert(
    fc.property(
      fc.array(letter, { maxLength: 8 }),
      fc.array(fc.constantFrom('a', 'b'), { maxLength: 8 }),
      (pattern, text) => {
        const expected = new RegExp(`^${pattern.join('').replaceAll('*', '.*')}$`).test(text.join(''));
        expect(matchesWildcard(pattern.join(''), text.join(''))).toBe(expected);
      },
    ),
  );
});
