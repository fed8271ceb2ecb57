import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { withBearer } from '../../../src/auth/bearer-fetch.js';
import type { TokenContext, TokenProvider } from '../../../src/auth/token-provider.js';
import type { TokenRefresh } from '../../../src/auth/token-source.js';
import { TokenSources } from '../../../src/auth/token-sources.js';
import { KnownSecrets } from '../../../src/core/known-secrets.js';
import { SERVER_URL } from './contexts.js';

const HOUR = 3_600_000;
const user = new AsyncLocalStorage<string>();

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
});
afterEach(() => void vi.useRealTimers());

describe('tokens of different keys', () => {
  test('are kept apart: one question for each, however many requests there are at once', async () => {
    const { tokenOf, questions } = sourcesOf();
    const names = Array.from({ length: 20 }, (_, index) => `user-${index}`);
    const requests = names.flatMap((name) => Array.from({ length: 10 }, () => name));
    const tokens = await Promise.all(requests.map((name) => tokenOf(name)));
    expect(tokens).toEqual(requests.map((name) => `token-1-of-${name}`));
    expect(questions).toHaveLength(names.length);
    expect(questions.every(({ key, caller }) => key === caller)).toBe(true);
  });

  test('are kept: a second request asks nothing', async () => {
    const { tokenOf, questions } = sourcesOf();
    await tokenOf('ada');
    expect(await tokenOf('ada')).toBe('token-1-of-ada');
    expect(questions).toHaveLength(1);
  });

  test('of no user are apart from those, and renewed by a timer', async () => {
    const { sources, tokenOf, questions } = sourcesOf();
    await tokenOf('ada');
    expect(await tokenOf(undefined)).toBe('token-1-of-undefined');
    expect(questions[1]).not.toHaveProperty('key');
    expect(sources.expiresAt).toBe(Date.now() + HOUR);
    await vi.advanceTimersByTimeAsync(55 * 60_000);
    expect(questions.map(({ caller }) => caller)).toEqual(['ada', undefined, undefined]);
  });

  test('are replaced after a 401 for that key alone, under load of all', async () => {
    const accepted = new Set<string>();
    const { sources, questions } = sourcesOf();
    const fetch = withBearer(
      async (_url, request) => {
        await Promise.resolve();
        const token = request?.headers?.authorization?.slice('Bearer '.length) ?? '';
        const revoked = token === 'token-1-of-mallory';
        if (!revoked) accepted.add(`${user.getStore()} ${token}`);
        return new Response(null, { status: revoked ? 401 : 200 });
      },
      sources,
      SERVER_URL.origin,
    );
    const names = ['ada', 'mallory', 'grace', 'mallory', 'ada'];
    const requests = Array.from({ length: 10 }, () => names).flat();
    const statuses = await Promise.all(
      requests.map((name) => user.run(name, async () => (await fetch(SERVER_URL)).status)),
    );
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect([...accepted].sort()).toEqual([
      'ada token-1-of-ada',
      'grace token-1-of-grace',
      'mallory token-2-of-mallory',
    ]);
    expect(questions.map(({ reason, key }) => `${reason} ${key}`).sort()).toEqual([
      'initial ada',
      'initial grace',
      'initial mallory',
      'rejected mallory',
    ]);
  });

  test('belong to the whole of a request, even if its context changes under it', async () => {
    const { sources } = sourcesOf();
    const sent: string[] = [];
    const fetch = withBearer(
      async (_url, request) => {
        sent.push(request?.headers?.authorization ?? '');
        user.enterWith('mallory');
        return new Response(null, { status: 401 });
      },
      sources,
      SERVER_URL.origin,
    );
    await user.run('mallory', () => sources.current().then((source) => source.get()));
    await user.run('ada', () => fetch(SERVER_URL));
    expect(sent).toHaveLength(2);
    expect(sent[0]).toBe('Bearer token-1-of-ada');
    expect(sent[1]).not.toContain('mallory');
  });

  test('one user does not use up the questions of another', async () => {
    const { sources } = sourcesOf();
    for (const name of ['a', 'b', 'c', 'd']) {
      await user.run(name, async () => {
        const source = await sources.current();
        const next = await source.rejected(await source.get(), undefined);
        expect(next?.token).toBe(`token-2-of-${name}`);
      });
    }
  });

  test('one user who may not have a token keeps nobody else from one', async () => {
    const { tokenOf } = sourcesOf(({ key }) => {
      if (key === 'mallory') throw new Error('not you');
    });
    await expect(tokenOf('mallory')).rejects.toMatchObject({ code: 'TOKEN_FAILED' });
    expect(await tokenOf('ada')).toBe('token-1-of-ada');
  });
});

describe('a token with a key that expires soon', () => {
  test('is renewed when it is used, in the context of its user, and nobody waits', async () => {
    const { tokenOf, questions } = sourcesOf();
    await tokenOf('ada');
    await vi.advanceTimersByTimeAsync(56 * 60_000);
    expect(questions).toHaveLength(1);
    expect(await tokenOf('ada')).toBe('token-1-of-ada');
    expect(questions[1]).toMatchObject({ reason: 'expiring', key: 'ada', caller: 'ada' });
    expect(await tokenOf('ada')).toBe('token-2-of-ada');
    expect(questions).toHaveLength(2);
  });

  test('is not renewed for a user who has gone, and leaves no timer', async () => {
    const { tokenOf, questions } = sourcesOf();
    await Promise.all(['ada', 'grace'].map(tokenOf));
    expect(vi.getTimerCount()).toBe(0);
    await vi.advanceTimersByTimeAsync(10 * HOUR);
    expect(questions).toHaveLength(2);
  });

  test('outlives a provider that fails, which is asked with pauses', async () => {
    const { tokenOf, questions } = sourcesOf((_context, count) => {
      if (count > 1) throw new Error('away');
    });
    await tokenOf('ada');
    await vi.advanceTimersByTimeAsync(55 * 60_000);
    for (let second = 0; second < 240; second++) {
      expect(await tokenOf('ada')).toBe('token-1-of-ada');
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(questions.length).toBeGreaterThan(2);
    expect(questions.length).toBeLessThanOrEqual(15);
  });
});

describe('keys', () => {
  test('are bounded: of 1,500 users the first ones are asked about again', async () => {
    const { tokenOf, questions } = sourcesOf();
    for (let index = 0; index < 1_500; index++) await tokenOf(`user-${index}`);
    await tokenOf('user-1499');
    expect(questions).toHaveLength(1_500);
    await tokenOf('user-0');
    expect(questions).toHaveLength(1_501);
  });

  test.each<[string, TokenProvider['key']]>([
    ['throws', () => Promise.reject(new Error('no session'))],
    [
      'throws at once',
      () => {
        throw new Error('no session');
      },
    ],
    ['answers a number', () => 7 as unknown as string],
  ])('that cannot be had stop the request: key() %s', async (_how, key) => {
    const { sources, questions } = sourcesOf(undefined, key);
    await expect(sources.current()).rejects.toMatchObject({
      name: 'AuthError',
      code: 'TOKEN_FAILED',
      server: 'docs',
      delivery: 'not-sent',
      cause: expect.any(Error),
    });
    expect(questions).toEqual([]);
  });

  test('that never come are waited for 30 seconds, or as long as the caller likes', async () => {
    const { sources } = sourcesOf(undefined, () => new Promise(() => {}));
    const impatient = sources.current(AbortSignal.abort(new Error('enough')));
    await expect(impatient).rejects.toThrow('enough');
    const patient = expect(sources.current()).rejects.toMatchObject({ code: 'TOKEN_FAILED' });
    await vi.advanceTimersByTimeAsync(30_000);
    await patient;
  });
});

test('a refresh is for the user who asks', async () => {
  const { sources, tokenOf } = sourcesOf();
  await tokenOf('ada');
  await tokenOf('grace');
  await user.run('ada', () => sources.refresh());
  expect(await tokenOf('ada')).toBe('token-2-of-ada');
  expect(await tokenOf('grace')).toBe('token-1-of-grace');
});

test('what is cached elsewhere is not shared where there are users', () => {
  expect(sourcesOf().sources.isPerRequest).toBe(true);
});

test('the tokens of the latest users are known, for stripping them from texts', async () => {
  const secrets = new KnownSecrets();
  const { tokenOf } = sourcesOf(undefined, undefined, secrets);
  for (const name of [undefined, 'ada', 'grace']) await tokenOf(name);
  const echo = 'token-1-of-undefined, token-1-of-ada, token-1-of-grace, token-1-of-alan';
  expect(secrets.redact(echo)).toBe('[redacted], [redacted], [redacted], token-1-of-alan');
});

test('closing ends the waits of all users', async () => {
  const { sources, tokenOf } = sourcesOf(() => new Promise(() => {}));
  const waiting = ['ada', 'grace', undefined].map((name) =>
    expect(tokenOf(name)).rejects.toMatchObject({ code: 'CLOSED' }),
  );
  await vi.advanceTimersByTimeAsync(0);
  sources.close();
  await Promise.all(waiting);
  expect(vi.getTimerCount()).toBe(0);
});

/** Sources whose provider gives `token-1-of-ada`, `token-2-of-ada`, … to the user of the async context. */
function sourcesOf(
  before: (context: TokenContext, count: number) => unknown = () => {},
  key: TokenProvider['key'] = () => user.getStore(),
  secrets?: KnownSecrets,
) {
  const questions: (Pick<TokenContext, 'reason' | 'key'> & { caller: string | undefined })[] = [];
  const counts = new Map<string, number>();
  const events: TokenRefresh[] = [];
  const provider: TokenProvider = {
    key,
    async getToken(context) {
      const caller = user.getStore();
      questions.push({
        reason: context.reason,
        caller,
        ...(context.key !== undefined && { key: context.key }),
      });
      await before(context, questions.length);
      const name = String(context.key);
      const count = (counts.get(name) ?? 0) + 1;
      counts.set(name, count);
      return { token: `token-${count}-of-${name}`, expiresAt: Date.now() + HOUR };
    },
  };
  const sources = new TokenSources({
    provider,
    server: 'docs',
    url: SERVER_URL,
    secrets,
    onRefresh: (event) => void events.push(event),
  });
  const tokenOf = (name: string | undefined) =>
    user.run(name as string, async () => (await (await sources.current()).get())?.token);
  return { sources, tokenOf, questions, events };
}
