import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../../src/core/errors.js';
import { checkedIdentity } from '../../../src/core/identity.js';

/** What a bad identity is refused with. */
function refusalOf(given: unknown, path = 'identity'): ConfigError {
  try {
    checkedIdentity(given, path);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return error as ConfigError;
  }
  throw new Error('Expected a refusal');
}

const LENGTH = 'expected a text of 1 to 256 characters';

describe('an identity', () => {
  test.each(['a', 'alice@example.com', ' ', '<b>', 'x'.repeat(256), '__proto__', 'Ωλ'])(
    'may be given as its key: %j',
    (key) => {
      expect(checkedIdentity(key, 'identity')).toEqual({ key });
    },
  );

  test('may be given with claims, which stay the very same object', () => {
    const claims = { token: 'secret', tenant: { id: 1 } };
    const identity = checkedIdentity({ key: 'alice', claims }, 'identity');
    expect(identity).toEqual({ key: 'alice', claims });
    expect(identity.claims).toBe(claims);
  });

  test('may be given with its key alone, and then has no claims', () => {
    expect(checkedIdentity({ key: 'alice' }, 'identity')).toStrictEqual({ key: 'alice' });
    expect(checkedIdentity({ key: 'alice', claims: undefined }, 'identity')).toStrictEqual({ key: 'alice' });
    expect(checkedIdentity({ key: 'alice', claims: {} }, 'identity')).toEqual({ key: 'alice', claims: {} });
  });

  test('is a copy: what is done to the given one later is not its matter', () => {
    const given = { key: 'alice' };
    const identity = checkedIdentity(given, 'identity');
    given.key = 'mallory';
    expect(identity.key).toBe('alice');
  });

  test.each([
    ['an empty key', '', 'identity', LENGTH],
    ['a key that is too long', 'x'.repeat(257), 'identity', LENGTH],
    ['an empty key in an object', { key: '' }, 'identity.key', LENGTH],
    ['a key in an object that is too long', { key: 'x'.repeat(257) }, 'identity.key', LENGTH],
    ['a key that is a number', { key: 7 }, 'identity.key', LENGTH],
    ['a key that is an object', { key: { key: 'alice' } }, 'identity.key', LENGTH],
    ['no key', {}, 'identity.key', LENGTH],
    ['claims without a key', { claims: {} }, 'identity.key', LENGTH],
    ['claims that are a text', { key: 'alice', claims: 'admin' }, 'identity.claims', 'expected an object'],
    ['claims that are null', { key: 'alice', claims: null }, 'identity.claims', 'expected an object'],
    ['claims that are a list', { key: 'alice', claims: ['x'] }, 'identity.claims', 'expected an object'],
    [
      'a member that there is not',
      { key: 'alice', tenant: 't' },
      'identity.tenant',
      'is no member of an identity; put it into claims',
    ],
    ['null', null, 'identity', 'expected a key, or an object { key, claims }'],
    ['nothing', undefined, 'identity', 'expected a key, or an object { key, claims }'],
    ['a list', ['alice'], 'identity', 'expected a key, or an object { key, claims }'],
    ['a number', 7, 'identity', 'expected a key, or an object { key, claims }'],
    ['yes', true, 'identity', 'expected a key, or an object { key, claims }'],
    ['a symbol', Symbol('alice'), 'identity', 'expected a key, or an object { key, claims }'],
    ['a function', () => 'alice', 'identity', 'expected a key, or an object { key, claims }'],
  ])('is refused, and the message says what to write: %s', (_what, given, path, problem) => {
    const error = refusalOf(given);
    expect(error).toMatchObject({ code: 'INVALID_CONFIG', path });
    expect(error.message).toContain(problem);
  });

  test.each([
    ['a key that is too long', 'KEY-OF-ALICE'.repeat(30)],
    ['a key in an object that is too long', { key: 'KEY-OF-ALICE'.repeat(30) }],
    ['bad claims', { key: 'KEY-OF-ALICE', claims: 'KEY-OF-ALICE' }],
    ['an unknown member', { key: 'KEY-OF-ALICE', tenant: 'KEY-OF-ALICE' }],
    ['a list', ['KEY-OF-ALICE']],
    ['a key in a list', { key: ['KEY-OF-ALICE'] }],
  ])('is not repeated in the message: %s', (_what, given) => {
    const error = refusalOf(given, 'options.identity');
    expect(error.path.startsWith('options.identity')).toBe(true);
    expect(`${error.message} ${JSON.stringify(error)}`).not.toContain('KEY-OF-ALICE');
  });

  test('has no member whose name fills the message', () => {
    const error = refusalOf({ key: 'alice', ['m'.repeat(1_000)]: 1 });
    expect(error.message.length).toBeLessThan(200);
  });
});
