import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { problemOfAnswer } from '../auth/token-answer.js';
import type { AccessToken, TokenContext, TokenProvider } from '../auth/token-provider.js';

/** What {@link describeTokenProvider} needs to know. */
export interface DescribeTokenProviderOptions {
  /** The runner's own, if it has no globals. Those of vitest, jest, mocha and `node:test` fit. @default the global one */
  describe?: (name: string, body: () => void) => unknown;
  /** The runner's own `test` or `it`. @default the global one */
  test?: (name: string, body: () => Promise<void>) => unknown;
  /** What the provider is told beyond the usual, for example the `url` of a server that it knows. */
  context?: Partial<TokenContext>;
}

type Answer = AccessToken | string | undefined;

const REASONS = ['initial', 'expiring', 'rejected', 'insufficient_scope', 'forced'] as const;
const AT_ONCE = 10;
/** The limit of the library itself is 30 seconds; a test should not take that long. */
const MAY_TAKE_MS = 4_000;
const PREVIOUS: AccessToken = { token: 'token-that-the-server-refused' };

/**
 * The contract of {@link TokenProvider} as tests, for providers of your own. Runs under vitest, jest, mocha and
 * `node:test`, and asserts with `node:assert`.
 *
 * @param name of the provider, for the title.
 * @param make makes a provider that can be asked for tokens at once; called for each test.
 * @example
 * ```ts
 * import { describe, test } from 'node:test';
 * import { describeTokenProvider } from 'mcp-fleet/testing';
 *
 * describeTokenProvider('the vault', () => vaultTokens(testVault), { describe, test });
 * ```
 */
export function describeTokenProvider(
  name: string,
  make: () => TokenProvider | Promise<TokenProvider>,
  options: DescribeTokenProviderOptions = {},
): void {
  const { describe, test } = runnerOf(options);
  const ask = async (provider: TokenProvider, changes: Partial<TokenContext> = {}): Promise<Answer> => {
    const context = contextOf({ ...options.context, ...changes });
    const key = await provider.key?.(context);
    return provider.getToken({ ...context, ...(key !== undefined && { key }) });
  };

  describe(`${name} as a token provider`, () => {
    test('answers the first question with a token, or with undefined for none', async () => {
      assertUsable(await ask(await make()));
    });

    test('gives no token that has expired already', async () => {
      const answer = await ask(await make());
      const expiresAt = typeof answer === 'object' ? answer.expiresAt : undefined;
      assert.ok(expiresAt === undefined || expiresAt > Date.now(), 'expiresAt lies in the past');
    });

    for (const reason of REASONS.slice(1)) {
      test(`answers the reason ${reason} with a token or an error, in time`, async () => {
        const provider = await make();
        const previous = toPrevious(await ask(provider));
        const challenge = reason === 'insufficient_scope' ? { scopes: ['read'] } : undefined;
        const outcome = await outcomeOf(ask(provider, { reason, previous, challenge }));
        if ('error' in outcome) assertError(outcome.error);
        else assertUsable(outcome.answer);
      });
    }

    test('is asked by many at once without mixing up its answers', async () => {
      const provider = await make();
      const answers = await Promise.all(Array.from({ length: AT_ONCE }, () => ask(provider)));
      for (const answer of answers) assertUsable(answer);
    });

    test('serves a second server', async () => {
      const provider = await make();
      await ask(provider);
      assertUsable(await ask(provider, { server: 'another' }));
    });

    test('ends in time when nobody wants the answer any more', async () => {
      const reason = new Error('No longer wanted');
      const asked = (await make()).getToken(
        contextOf({ ...options.context, signal: AbortSignal.abort(reason) }),
      );
      await outcomeOf(asked);
    });

    test('shows its token to nobody who prints it', async () => {
      const provider = await make();
      const answer = await ask(provider);
      const token = typeof answer === 'object' ? answer.token : answer;
      if (token === undefined) return;
      const printed = `${inspect(provider, { depth: 10, showHidden: true })} ${JSON.stringify(provider)} ${provider}`;
      assert.ok(
        !printed.includes(token),
        'the token is in what util.inspect, JSON or String make of the provider',
      );
    });

    test('shows a refused token to nobody who prints its errors', async () => {
      const outcome = await outcomeOf(ask(await make(), { reason: 'rejected', previous: PREVIOUS }));
      if (!('error' in outcome)) return;
      const printed = inspect(outcome.error, { depth: 10, showHidden: true });
      assert.ok(!printed.includes(PREVIOUS.token), 'the token is in the error');
    });

    test('gives the same key, a text or none, to the same caller', async () => {
      const provider = await make();
      const keys = [
        await provider.key?.(contextOf(options.context)),
        await provider.key?.(contextOf(options.context)),
      ];
      assert.ok(
        keys.every((key) => key === undefined || typeof key === 'string'),
        'a key is no string',
      );
      assert.equal(keys[0], keys[1]);
    });
  });
}

function runnerOf(options: DescribeTokenProviderOptions) {
  const globals = globalThis as { describe?: unknown; test?: unknown; it?: unknown };
  const describe = options.describe ?? globals.describe;
  const test = options.test ?? globals.test ?? globals.it;
  if (typeof describe !== 'function' || typeof test !== 'function')
    throw new TypeError('No global describe and test here: give those of the runner, { describe, test }');
  return { describe, test } as Required<Pick<DescribeTokenProviderOptions, 'describe' | 'test'>>;
}

function contextOf(changes: Partial<TokenContext> = {}): TokenContext {
  return {
    server: 'docs',
    url: new URL('https://mcp.example.com/mcp'),
    signal: new AbortController().signal,
    reason: 'initial',
    previous: undefined,
    challenge: undefined,
    ...changes,
  };
}

/** As the library passes an answer on. */
function toPrevious(answer: Answer): AccessToken | undefined {
  return typeof answer === 'string' ? { token: answer } : answer;
}

function assertUsable(answer: Answer): void {
  const problem = problemOfAnswer(answer);
  assert.equal(problem, undefined, `the answer ${problem}`);
}

function assertError(error: unknown): void {
  assert.ok(error instanceof Error, `what is thrown is a value of type ${typeof error}, not an Error`);
}

async function outcomeOf(asked: Promise<Answer>): Promise<{ answer: Answer } | { error: unknown }> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const error = new assert.AssertionError({ message: `no answer within ${MAY_TAKE_MS} ms` });
    timer = setTimeout(() => reject(error), MAY_TAKE_MS);
  });
  try {
    return { answer: await Promise.race([asked, late]) };
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    return { error };
  } finally {
    clearTimeout(timer);
  }
}
