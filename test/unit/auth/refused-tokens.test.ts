import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { AccessToken, TokenContext } from '../../../src/auth/token-provider.js';
import { AuthError } from '../../../src/core/errors.js';
import { numberedTokens, sourceOf } from './contexts.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('after a 401', () => {
  test('a new token is asked for, with the rejected one and the challenge', async () => {
    const { source, questions } = sourceOf(numberedTokens(HOUR));
    const used = await source.get();
    const challenge = { error: 'invalid_token', scopes: ['read'] };
    expect(await source.rejected(used, challenge)).toMatchObject({ token: 'token-2' });
    expect(questions[1]).toMatchObject({ reason: 'rejected', challenge });
    expect(questions[1]?.previous).toBe(used);
    expect(await source.get()).toMatchObject({ token: 'token-2' });
  });

  test('one new token serves all whose token was rejected', async () => {
    const { source, questions } = sourceOf(numberedTokens(HOUR));
    const used = await source.get();
    const next = await Promise.all(Array.from({ length: 8 }, () => source.rejected(used, undefined)));
    expect(new Set(next.map((token) => token?.token))).toEqual(new Set(['token-2']));
    expect(questions).toHaveLength(2);
  });

  test('to an older token, the newer one is used without asking', async () => {
    const { source, questions } = sourceOf(numberedTokens(HOUR));
    const used = await source.get();
    await source.refresh();
    expect(await source.rejected(used, undefined)).toMatchObject({ token: 'token-2' });
    expect(questions).toHaveLength(2);
  });

  test('the same token is not sent again', async () => {
    const { source } = sourceOf(() => ({ token: 'same', expiresAt: Date.now() + HOUR }));
    expect(await source.rejected(await source.get(), undefined)).toBeUndefined();
  });

  test('a provider that fails is the reason that is given', async () => {
    const { source } = sourceOf((_context, count) => {
      if (count > 1) throw new AuthError('TOKEN_FAILED', 'invalid_client', { retryable: false });
      return { token: 'token-1', expiresAt: Date.now() + HOUR };
    });
    await expect(source.rejected(await source.get(), undefined)).rejects.toMatchObject({
      code: 'TOKEN_FAILED',
      message: 'invalid_client',
      delivery: 'rejected',
      retryable: false,
    });
  });

  test('a request under way is joined', async () => {
    const { source, questions } = sourceOf(async (_context, count) => {
      if (count > 1) await new Promise((resolve) => setTimeout(resolve, 1_000));
      return { token: `token-${count}`, expiresAt: Date.now() + HOUR };
    });
    const used = await source.get();
    const refreshed = source.refresh();
    const next = source.rejected(used, undefined);
    await vi.advanceTimersByTimeAsync(1_000);
    await refreshed;
    expect(await next).toMatchObject({ token: 'token-2' });
    expect(questions).toHaveLength(2);
  });
});

describe('a server that answers 401 to everything', () => {
  test.each(['from the start', 'after it once accepted a token'])(
    'causes at most two token requests a minute, %s',
    async (since) => {
      const instants: number[] = [];
      const { source } = sourceOf((context, count) => {
        instants.push(performance.now());
        return numberedTokens(24 * HOUR)(context, count);
      });
      if (since !== 'from the start') {
        await source.get();
        source.accepted();
        await vi.advanceTimersByTimeAsync(5 * MINUTE);
        instants.length = 0;
      }
      for (let request = 0; request < 1_200; request++) {
        await source.rejected(await source.get(), undefined);
        await vi.advanceTimersByTimeAsync(500);
      }
      expect(instants.length).toBeGreaterThan(10);
      for (const start of instants) {
        const withinAMinute = instants.filter((at) => at >= start && at < start + MINUTE);
        expect(withinAMinute.length).toBeLessThanOrEqual(2);
      }
    },
  );

  test('does not keep tokens that work from being replaced: twice in the first minute', async () => {
    const { source } = sourceOf(numberedTokens(HOUR));
    for (const expected of ['token-2', 'token-3']) {
      const used = await source.get();
      source.accepted();
      expect(await source.rejected(used, undefined)).toMatchObject({ token: expected });
      await vi.advanceTimersByTimeAsync(5_000);
    }
  });

  test('does not lengthen an outage of the provider', async () => {
    const { source } = sourceOf((_context, count) => {
      if (count > 1 && count < 5) throw new Error('away');
      return { token: `token-${count}`, expiresAt: Date.now() + HOUR };
    });
    const used = await source.get();
    for (let failure = 0; failure < 3; failure++) {
      await expect(source.rejected(used, undefined)).rejects.toMatchObject({ code: 'TOKEN_FAILED' });
      await vi.advanceTimersByTimeAsync(8_000);
    }
    expect(await source.rejected(used, undefined)).toMatchObject({ token: 'token-5' });
  });
});

describe('after a 403', () => {
  const challenge = { error: 'insufficient_scope', scopes: ['write'] };
  /** Grants what is asked for, on top of `read`. */
  const granting = (context: TokenContext, count: number): AccessToken => ({
    token: `token-${count}`,
    expiresAt: Date.now() + HOUR,
    scopes: [...new Set(['read', ...(context.challenge?.scopes ?? [])])],
  });

  test('a token is asked for with the scopes so far and the wanted ones', async () => {
    const { source, questions } = sourceOf(granting);
    const used = await source.get();
    expect(await source.insufficientScope(used, challenge)).toMatchObject({ token: 'token-2' });
    expect(questions[1]).toMatchObject({
      reason: 'insufficient_scope',
      previous: used,
      challenge: { scopes: ['read', 'write'] },
    });
  });

  test('later tokens are asked for with these scopes, too', async () => {
    const { source, questions } = sourceOf(granting);
    await source.insufficientScope(await source.get(), challenge);
    await source.insufficientScope(await source.get(), { error: 'insufficient_scope', scopes: ['delete'] });
    expect(questions[2]?.challenge?.scopes).toEqual(['read', 'write', 'delete']);
    await source.refresh();
    expect(questions[3]?.challenge?.scopes).toEqual(['read', 'write', 'delete']);
    await source.rejected(await source.get(), { scopes: ['other'] });
    expect(questions[4]?.challenge?.scopes).toEqual(['read', 'write', 'delete', 'other']);
  });

  test('one token serves all who want the same scopes', async () => {
    const { source, questions } = sourceOf(granting);
    const used = await source.get();
    const next = await Promise.all(
      Array.from({ length: 8 }, () => source.insufficientScope(used, challenge)),
    );
    expect(new Set(next.map((token) => token?.token))).toEqual(new Set(['token-2']));
    expect(questions).toHaveLength(2);
  });

  test('a request under way that asks for less is not taken for the answer', async () => {
    const { source, questions } = sourceOf(async (context, count) => {
      if (count > 1) await new Promise((resolve) => setTimeout(resolve, 1_000));
      return granting(context, count);
    });
    const used = await source.get();
    const refreshed = source.refresh();
    const next = source.insufficientScope(used, challenge);
    await vi.advanceTimersByTimeAsync(2_000);
    await refreshed;
    expect(await next).toMatchObject({ token: 'token-3', scopes: ['read', 'write'] });
    expect(questions).toHaveLength(3);
  });

  test('for ever, for the same scopes, there is one request a minute', async () => {
    const { source, questions } = sourceOf(granting);
    for (let second = 0; second < 60; second++) {
      await source.insufficientScope(await source.get(), challenge);
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(questions).toHaveLength(2);
    expect(await source.insufficientScope(await source.get(), challenge)).toMatchObject({ token: 'token-3' });
  });

  test('for more and more scopes, there is an end', async () => {
    const { source, questions } = sourceOf(granting);
    for (let call = 0; call < 1_000; call++) {
      await source.insufficientScope(await source.get(), {
        error: 'insufficient_scope',
        scopes: [`scope-${call}`],
      });
    }
    expect(questions.length).toBeLessThanOrEqual(101);
  });

  test('scopes that cannot be had cost one request a minute, and leave the token alone', async () => {
    const { source, questions } = sourceOf((context, count) => {
      if (context.reason === 'insufficient_scope') throw new AuthError('TOKEN_FAILED', 'invalid_scope');
      return granting(context, count);
    });
    const used = await source.get();
    for (let second = 0; second < 60; second++) {
      expect(await source.insufficientScope(used, challenge)).toBeUndefined();
      await vi.advanceTimersByTimeAsync(999);
    }
    expect(questions).toHaveLength(2);
    await source.refresh();
    expect(questions[2]?.challenge).toBeUndefined();
    expect(await source.get()).toMatchObject({ token: 'token-3' });
  });

  test('without scopes, one new token is tried', async () => {
    const { source, questions } = sourceOf(numberedTokens(HOUR));
    const lacking = { error: 'insufficient_scope' };
    expect(await source.insufficientScope(await source.get(), lacking)).toMatchObject({ token: 'token-2' });
    expect(await source.insufficientScope(await source.get(), lacking)).toBeUndefined();
    expect(questions).toHaveLength(2);
  });
});
