import { describe, expect, it } from 'vitest';
import {
  findClusterName,
  findIdInCluster,
  parseArn,
  parseTaskDefinitionReference,
  resolveClusterName,
} from '../../api/ecs/arn.ts';
import { clusterArn, partitionOf, taskArn, taskDefinitionArn } from '../../core/arn.ts';

const here = { accountId: '111122223333', region: 'eu-west-1' };
const there = { accountId: '111122223333', region: 'eu-west-2' };

describe('ARNs', () => {
  it('carry the partition of their region', () => {
    expect(clusterArn(here, 'c')).toBe('arn:aws:ecs:eu-west-1:111122223333:cluster/c');
    expect(clusterArn({ ...here, region: 'cn-north-1' }, 'c')).toBe('arn:aws-cn:ecs:cn-north-1:111122223333:cluster/c');
    expect(partitionOf('us-gov-west-1')).toBe('aws-us-gov');
  });

  it.each([
    '',
    'x',
    'arn:aws:ecs',
    'arn:aws:ecs:r:a:cluster',
    'arn:aws:ecs:r:a:task//x',
    'arn:aws:ecs:r:a:cluster/',
  ])('are not %j', (text) => expect(parseArn(text)).toBeUndefined());

  it('name a cluster as its short name does', () => {
    expect(findClusterName(here, undefined)).toBe('default');
    expect(findClusterName(here, 'c')).toBe('c');
    expect(findClusterName(here, clusterArn(here, 'c'))).toBe('c');
    expect(findClusterName(here, clusterArn(there, 'c'))).toBeUndefined();
    expect(() => resolveClusterName(here, clusterArn(there, 'c'))).toThrow('Cluster not found.');
  });

  it.each([
    ['arn:aws:ecs:eu-west-1:111122223333:cluster/a/b', 'Invalid identifier: Unexpected number of separators'],
    ['arn:aws:ecs:eu-west-1:111122223333:cluster/arn:aws:ecs:x', 'Invalid identifier: Unexpected number of separators'],
    ['a/b', 'Invalid identifier: Unexpected number of separators'],
    ['arn:aws:ecs:eu-west-1:111122223333:task/a', 'Invalid identifier'],
    ['a b', 'Invalid identifier'],
  ])('and %j names none', (identifier, message) => expect(() => findClusterName(here, identifier)).toThrow(message));

  it('name what is in a cluster', () => {
    expect(findIdInCluster(here, 'c', 'task', 'abc')).toBe('abc');
    expect(findIdInCluster(here, 'c', 'task', taskArn(here, 'c', 'abc'))).toBe('abc');
    expect(findIdInCluster(here, 'c', 'task', taskArn(here, 'other', 'abc'))).toBeUndefined();
    expect(findIdInCluster(here, 'c', 'task', taskArn(there, 'c', 'abc'))).toBeUndefined();
    expect(findIdInCluster(here, 'c', 'task', 'arn:aws:ecs:eu-west-1:111122223333:task/abc')).toBe('abc');
    expect(() => findIdInCluster(here, 'c', 'task', 'c/abc')).toThrow('Unexpected number of separators');
  });

  it('name a task definition', () => {
    expect(parseTaskDefinitionReference(here, 'web')).toEqual({ family: 'web' });
    expect(parseTaskDefinitionReference(here, 'web:3')).toEqual({ family: 'web', revision: 3 });
    expect(parseTaskDefinitionReference(here, taskDefinitionArn(here, 'web', 3))).toEqual({
      family: 'web',
      revision: 3,
    });
    expect(parseTaskDefinitionReference(here, taskDefinitionArn(there, 'web', 3))).toBeUndefined();
    expect(() => parseTaskDefinitionReference(here, 'web:x')).toThrow('Invalid revision number. Number: x');
    expect(() => parseTaskDefinitionReference(here, 'web:0')).toThrow('Invalid revision number. Number: 0');
    expect(() => parseTaskDefinitionReference(here, 'web:1:2')).toThrow('Unexpected number of separators');
  });
});
