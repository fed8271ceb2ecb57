import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../../src/core/errors.js';
import { checkHeaders, isHeaderValue } from '../../../src/net/headers.js';

const CANARY = 'canary-s3cr3t';

function problem(headers: Record<string, unknown>, path = 'servers.a.headers'): ConfigError | undefined {
  try {
    checkHeaders(headers as Record<string, string>, path);
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return error as ConfigError;
  }
}

describe('names', () => {
  test.each(['authorization', 'X-Api-Key', 'a', "!#$%&'*+-.^_`|~0", 'x_y.z'])('%s is one', (name) => {
    expect(problem({ [name]: 'v' })).toBeUndefined();
  });

  test.each([
    '',
    ' ',
    'x y',
    'x:',
    ':path',
    'x\n',
    'x\r\ny',
    'x\0',
    'é',
    '(x)',
    'x@y',
    'x/y',
    '{x}',
    '"x"',
    'x\t',
  ])('%j is none', (name) => {
    expect(problem({ [name]: 'v' })).toMatchObject({
      path: 'servers.a.headers[0]',
      message: 'servers.a.headers[0]: is not a header name (RFC 9110 section 5.6.2)',
    });
  });

  test('of exactly the characters of RFC 9110 are ones', () => {
    const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]$/;
    const all = [...characters(0x3ff), '\u2028', '\u212a', '\ufeff', '\uffff'];
    expect(all.filter((character) => problem({ [`x${character}`]: 'v' }) === undefined)).toEqual(
      all.filter((character) => token.test(character)),
    );
  });

  test.each([
    'Host',
    'content-length',
    'Transfer-Encoding',
    'connection',
    'Keep-Alive',
    'UPGRADE',
    'te',
    'Trailer',
    'Mcp-Session-Id',
    'mcp-protocol-version',
    'MCP-',
  ])('%s is not for a configuration', (name) => {
    expect(problem({ [name]: CANARY })).toMatchObject({
      path: `servers.a.headers.${name}`,
      message: `servers.a.headers.${name}: is set by the library itself and cannot be configured`,
    });
  });

  test.each(['x-host', 'hosts', 'content-type', 'x-connection', 'tenant', 'trailers', 'x-mcp-key', 'mcp'])(
    '%s is, though it looks alike',
    (name) => {
      expect(problem({ [name]: 'v' })).toBeUndefined();
    },
  );
});

describe('values', () => {
  test.each(['', 'x', 'Bearer a.b-c_d~e+f/g==', 'two words', 'with\ttab', '!~', '"quoted", (all)'])(
    '%j is one',
    (value) => {
      expect(problem({ 'x-key': value })).toBeUndefined();
      expect(isHeaderValue(value)).toBe(true);
    },
  );

  test.each([
    ' ',
    ' x',
    'x ',
    '\tx',
    'x\t',
    'x\r\ny: z',
    'x\ny',
    'x\r',
    '\nx',
    'x\0',
    'é',
    '\u2028',
    '😀',
    '\x7f',
  ])('%j is none', (value) => {
    expect(problem({ 'x-key': value })?.message).toBe(
      'servers.a.headers.x-key: has a value with characters other than visible ASCII and inner spaces',
    );
    expect(isHeaderValue(value)).toBe(false);
  });

  test('may hold exactly visible ASCII, and spaces and tabs inside', () => {
    const visible = (character: string) => character >= '!' && character <= '~';
    const all = characters(0xffff);
    expect(all.filter((character) => isHeaderValue(character))).toEqual(all.filter(visible));
    expect(all.filter((character) => isHeaderValue(`a${character}b`))).toEqual(
      all.filter((character) => visible(character) || character === ' ' || character === '\t'),
    );
  });

  test.each([1, true, null, undefined, ['x'], { toString: () => 'x' }])('%o is none', (value) => {
    const found = problem({ 'x-key': value });
    expect(found?.message).toBe(
      `servers.a.headers.x-key: expected a string, got a value of type ${typeof value}`,
    );
  });

  test('that are long are checked in little time', () => {
    const startedAt = performance.now();
    expect(isHeaderValue(`${'a '.repeat(500_000)}\0`)).toBe(false);
    expect(isHeaderValue(`${' '.repeat(500_000)}`)).toBe(false);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });
});

describe('errors', () => {
  test.each([
    ['a bad value', { authorization: `Bearer ${CANARY}\n` }],
    ['a bad name', { 'x y': CANARY }],
    ['a reserved name', { host: CANARY }],
    ['a value that is no string', { authorization: [CANARY] }],
    ...characters(0x1f)
      .concat('\x7f')
      .map((control): [string, object] => [
        `the control character ${control.charCodeAt(0)}`,
        { authorization: `${CANARY}${control}` },
      ]),
  ])('for %s never show the value', (_what, headers) => {
    const error = problem({ 'x-good': CANARY, ...headers });
    expect(error).toBeDefined();
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(CANARY);
    expect(JSON.stringify(error)).not.toContain(CANARY);
  });

  test('name the first field that is wrong, under the path that was given', () => {
    expect(problem({ good: 'v', bad: 'é', worse: 'é' }, 'defaults.headers')?.path).toBe(
      'defaults.headers.bad',
    );
  });
});

test('no fields are fine', () => {
  expect(problem({})).toBeUndefined();
});

/** Every UTF-16 unit from 0 to `last`. */
function characters(last: number): string[] {
  return Array.from({ length: last + 1 }, (_, code) => String.fromCharCode(code));
}
