import { describe, expect, test } from 'vitest';
import type { TokenProvider } from '../../../src/auth/token-provider.js';
import { describeTokenProvider } from '../../../src/testing/describe-token-provider.js';

const valid = async () => ({ token: 'opensesame', expiresAt: Date.now() + 60_000 });

describe('the contract suite', () => {
  test('names the provider, and its cases pass for one that keeps the contract', async () => {
    const { title, failures, cases } = await run(() => ({ getToken: valid }));
    expect(title).toBe('it as a token provider');
    expect(cases).toHaveLength(12);
    expect(failures).toEqual([]);
  });

  test.each<[string, () => TokenProvider | object, RegExp]>([
    ['a number', () => ({ getToken: async () => 7 }), /answers the first question/],
    ['an empty text', () => ({ getToken: async () => '' }), /answers the first question/],
    ['a line break', () => ({ getToken: async () => 'a\r\nb' }), /answers the first question/],
    ['a scheme', () => ({ getToken: async () => 'Bearer opensesame' }), /answers the first question/],
    [
      'an expiry in seconds',
      () => ({ getToken: async () => ({ token: 'a', expiresAt: 1_800_000_000 }) }),
      /answers the first question/,
    ],
    [
      'an expired token',
      () => ({ getToken: async () => ({ token: 'a', expiresAt: Date.now() - 1 }) }),
      /no token that has expired/,
    ],
    [
      'junk when it is refused',
      () => ({
        getToken: async ({ reason }: { reason: string }) => (reason === 'rejected' ? null : valid()),
      }),
      /answers the reason rejected/,
    ],
    [
      'an error that is none',
      () => ({
        getToken: async ({ reason }: { reason: string }) => {
          if (reason !== 'forced') return valid();
          throw 'no';
        },
      }),
      /answers the reason forced/,
    ],
    [
      'a token that it keeps in the open',
      () => ({ kept: { token: 'opensesame' }, getToken: valid }),
      /shows its token to nobody/,
    ],
    [
      'the refused token in its error',
      () => ({
        async getToken({ reason, previous }: { reason: string; previous?: { token: string } }) {
          if (reason === 'rejected') throw Object.assign(new Error('refused'), { previous });
          return valid();
        },
      }),
      /shows a refused token to nobody/,
    ],
    ['a key that is no text', () => ({ key: () => 7, getToken: valid }), /gives the same key/],
    [
      'another key each time',
      () => {
        let count = 0;
        return { key: () => String(count++), getToken: valid };
      },
      /gives the same key/,
    ],
  ])('fails for a provider that gives %s', async (_what, make, expected) => {
    const { failures } = await run(make as () => TokenProvider);
    expect(failures.join('\n')).toMatch(expected);
  });

  test('says so when there is no runner', () => {
    expect(() => describeTokenProvider('it', () => ({ getToken: valid }))).toThrow('{ describe, test }');
  });
});

/** Runs the cases as a runner would, and tells which of them failed. */
async function run(make: () => TokenProvider) {
  const cases: [string, () => Promise<void>][] = [];
  let title = '';
  describeTokenProvider('it', make, {
    describe: (name, body) => {
      title = name;
      body();
    },
    test: (name, body) => cases.push([name, body]),
  });
  const failures: string[] = [];
  for (const [name, body] of cases) {
    await body().catch((error: Error) => failures.push(`${name}: ${error.message}`));
  }
  return { title, cases, failures };
}
