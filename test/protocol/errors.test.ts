import { join } from 'node:path';
import { InvalidParameterException } from '@aws-sdk/client-ecs';
import { describe, expect, test } from 'vitest';
import { AwsError, describeError } from '../../api/errors.ts';
import { ecsService } from '../../api/protocol/ecs.ts';
import { connectRedis } from '../../core/redis.ts';

const service = ecsService({});
const internal = { code: 'ServerException', status: 500, internal: true };
const unavailable = { ...internal, message: 'Service Unavailable. Please try again later.' };
const unreachable = { ...internal, message: 'The state store is not reachable. Please try again later.' };

test('an error that nobody models keeps its code and status', () => {
  const error = new AwsError('RequestEntityTooLargeException', 'Too long.', { status: 413 });
  expect(describeError(error, service)).toEqual({
    code: 'RequestEntityTooLargeException',
    message: 'Too long.',
    status: 413,
    internal: false,
  });
});

test('an exception is modelled only by the service that knows it', () => {
  const thrown = new InvalidParameterException({ message: 'No.', $metadata: {} });
  expect(describeError(thrown, service)).toMatchObject({
    code: 'InvalidParameterException',
    status: 400,
    modelled: thrown,
  });
  expect(describeError(thrown, undefined)).toEqual(unavailable);
});

test.each([
  new TypeError('x is not a function'),
  Object.assign(new Error('not one of ours'), { name: 'InvalidParameterException' }),
  Object.assign(new Error('no such file'), { code: 'ENOENT', syscall: 'open' }),
  'a string',
  undefined,
])('anything else is a ServerException that tells nothing: %s', (thrown) => {
  expect(describeError(thrown, service)).toEqual(unavailable);
});

describe('the state store', () => {
  test('a Redis that is not there, told by its client', async () => {
    const redis = connectRedis(`unix://${join(import.meta.dirname, 'no-such.sock')}`, { patience: 0, name: 'test' });
    const failures: unknown[] = [];
    redis.on('error', (error: unknown) => failures.push(error));
    const thrown = await redis.get('key').catch((error: unknown) => error);
    redis.disconnect();
    expect(describeError(thrown, service)).toEqual(unreachable);
    expect(describeError(new Error('Connection is closed.'), service)).toEqual(unreachable);
    expect(describeError(new Error('could not place', { cause: thrown }), service)).toEqual(unreachable);
    expect(failures.map((failure) => describeError(failure, service))).toContainEqual(unreachable);
  });

  test('a Redis that takes no writes', () => {
    const full = Object.assign(new Error('MISCONF Errors writing to the AOF file'), { name: 'ReplyError' });
    const message = 'The state store does not accept commands at the moment. Please try again later.';
    expect(describeError(full, service)).toEqual({ ...internal, message });
    const wrong = Object.assign(new Error('WRONGTYPE Operation against a key'), { name: 'ReplyError' });
    expect(describeError(wrong, service)).toEqual(unavailable);
  });
});
