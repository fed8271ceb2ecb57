import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { withoutText } from '../../../src/core/foreign-error.js';

describe('what is kept of a foreign error', () => {
  test('is its class, its code and the places of its stack', () => {
    const thrown = Object.assign(new RangeError('canary\nin two lines'), {
      code: 'ECONNRESET',
      config: { headers: { authorization: 'canary' } },
    });
    const kept = withoutText(thrown);
    expect(kept).toMatchObject({ name: 'RangeError', code: 'ECONNRESET', message: 'ECONNRESET' });
    expect(kept.stack).toMatch(/^RangeError: ECONNRESET\n {4}at .*foreign-error\.test\.ts/);
    expect(inspect(kept, { depth: 9, showHidden: true })).not.toContain('canary');
  });

  test.each<[string, unknown]>([
    ['a text', 'canary'],
    ['an object', { canary: 'canary' }],
    ['nothing', undefined],
    ['an error whose text was changed', Object.assign(new Error('canary'), { message: 'another' })],
    ['an error whose name is a text', Object.assign(new Error('x'), { name: 'the canary sang' })],
    ['an error whose code is a text', Object.assign(new Error('x'), { code: 'the canary sang' })],
    ['an error with a cause', new Error('x', { cause: new Error('canary') })],
    ['an error with errors', new AggregateError([new Error('canary')], 'canary')],
  ])('is an error without text for %s', (_what, thrown) => {
    const kept = withoutText(thrown);
    expect(kept).toBeInstanceOf(Error);
    expect(inspect(kept, { depth: 9, showHidden: true })).not.toContain('canary');
  });

  test('has the code that is known from elsewhere', () => {
    expect(withoutText(new TypeError('fetch failed'), 'ECONNREFUSED')).toMatchObject({
      name: 'TypeError',
      code: 'ECONNREFUSED',
    });
  });
});
