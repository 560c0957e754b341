/** The filter pattern language over single messages. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseFilterPattern } from '../../api/logs/filter/pattern.ts';
import { PatternError } from '../../api/logs/filter/scanner.ts';

const matches = (pattern: string, message: string) => parseFilterPattern(pattern)(message) !== undefined;

const json = JSON.stringify({
  eventType: 'UpdateTrail',
  sourceIPAddress: '111.111.111.111',
  arrayKey: ['value', 'another value'],
  objectList: [
    { name: 'a', id: 1 },
    { name: 'b', id: 2 },
  ],
  SomeObject: null,
  ThisFlag: true,
  latency: 120.5,
  'key with.dots': { 'a b': 'x' },
  'x-y': 'z',
});
const apache = '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534';

describe('a filter pattern', () => {
  it.each([
    ['', 'anything', true],
    [' ', '', true],
    ['ERROR', '[ERROR 400] BAD REQUEST', true],
    ['ERROR', '[error 400]', false],
    ['ERROR ARGUMENTS', '[ERROR 419] MISSING ARGUMENTS', true],
    ['ERROR ARGUMENTS', '[ERROR 400] BAD REQUEST', false],
    ['"INTERNAL SERVER ERROR"', '[ERROR 500] INTERNAL SERVER ERROR', true],
    ['"INTERNAL SERVER ERROR"', 'INTERNAL ERROR SERVER', false],
    ['"a \\"b\\" c"', 'x a "b" c', true],
    ['?ERROR ?WARN', 'WARN 1', true],
    ['?ERROR ?WARN', 'INFO', false],
    ['?ERROR INFO', 'INFO 1', true],
    ['?ERROR -INFO', 'WARN 1', true],
    ['ERROR -ARGUMENTS', '[ERROR 419] MISSING ARGUMENTS', false],
    ['ERROR -ARGUMENTS', '[ERROR 400] BAD REQUEST', true],
    ['-"bad request"', 'fine', true],
    ['%AUTHORIZED%', '[ERROR 401] UNAUTHORIZED REQUEST', true],
    ['%10\\.10\\.0\\.[0-9]+%', 'from 10.10.0.37', true],
    ['%^GET%', 'a GET', false],
    ['{ $.eventType = "UpdateTrail" }', json, true],
    ['{$.eventType=UpdateTrail}', json, true],
    ['{ $.eventType != "UpdateTrail" }', json, false],
    ['{ $.missing != "x" }', json, false],
    ['{ $.sourceIPAddress != 123.123.* }', json, true],
    ['{ $.sourceIPAddress = 111.*.111 }', json, true],
    ['{ $.arrayKey[0] = "value" }', json, true],
    ['{ $.arrayKey[1] = value }', json, false],
    ['{ $.arrayKey[*] = "another*" }', json, true],
    ['{ $.objectList[1].id = 2 }', json, true],
    ['{ $.objectList[1].id >= 3 }', json, false],
    ['{ $.latency > 1.2e2 && $.latency < 121 }', json, true],
    ['{ $.SomeObject IS NULL }', json, true],
    ['{ $.ThisFlag IS TRUE }', json, true],
    ['{ $.ThisFlag IS FALSE }', json, false],
    ['{ $.SomeOtherObject NOT EXISTS }', json, true],
    ['{ $.ThisFlag EXISTS }', json, true],
    ["{ $.['key with.dots'].['a b'] = x }", json, true],
    ['{ $.x-y = z }', json, true],
    ['{ ($.latency = 1) || ($.eventType = "Up*" && $.ThisFlag IS TRUE) }', json, true],
    ['{ ($.latency = 1 || $.eventType = "Up*") && $.ThisFlag IS FALSE }', json, false],
    ['{ $.eventType = %^Update[A-Z]% }', json, true],
    ['{ $.* = "UpdateTrail" }', json, true],
    ['{ $.a = 1 }', 'not json', false],
    ['{ $.length EXISTS }', '[1,2]', false],
    ['[ip, id, user, time, request, status, size]', apache, true],
    ['[ip, id, user]', apache, false],
    ['[..., status = 4*, size > 1000]', apache, true],
    ['[..., status = 4*, size > 2000]', apache, false],
    ['[ip = 127.0.0.1, ...]', apache, true],
    ['[ip, id, user, time, request = "GET*", status = 404 || status = 500, size]', apache, true],
    ['[ip, id, user, time, request = *html*, status != 404, size]', apache, false],
    ['[w1=ERROR, w2]', 'ERROR things', true],
    ['[w1=%^ERR%, w2]', 'ERROR things', true],
    ['[a, , c]', '1 2 3', true],
  ])('%s over %s: %s', (pattern, message, expected) => {
    expect(matches(pattern, message)).toBe(expected);
  });

  it.each([
    ['{ $.a = }'],
    ['{ a = 1 }'],
    ['{ $.a = 1'],
    ['{ $.a > "x" }'],
    ['[a, b'],
    ['[..., ...]'],
    ['%(a)%'],
    ['%[%'],
    ['{ $.a = 1 } x'],
    ['[a = 1 && b = 2]'],
    ['"open'],
  ])('%s is refused', (pattern) => {
    expect(() => parseFilterPattern(pattern)).toThrow(PatternError);
  });

  it('tells what it took from a message', () => {
    expect(parseFilterPattern('[ip, ..., size]')(apache)?.extracted).toEqual({ $ip: '127.0.0.1', $size: '1534' });
    expect(parseFilterPattern('{ $.objectList[0].name = a }')(json)?.extracted).toEqual({
      '$.objectList[0].name': 'a',
    });
  });

  it('either parses or is refused with a sentence, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.stringMatching(/^[{[$.a-c =!<>&|()%"\]}*?, -]{0,30}$/)),
        fc.string(),
        (pattern, message) => {
          try {
            parseFilterPattern(pattern)(message);
          } catch (error) {
            expect(error).toBeInstanceOf(PatternError);
          }
        },
      ),
      { numRuns: 3000 },
    );
  });

  it('of a quoted phrase is the phrase itself', () => {
    fc.assert(
      fc.property(fc.string(), fc.string({ minLength: 1 }), fc.string(), (before, phrase, after) => {
        const quoted = `"${phrase.replace(/["\\]/g, '\\$&')}"`;
        expect(matches(quoted, `${before}${phrase}${after}`)).toBe(true);
      }),
    );
  });
});
