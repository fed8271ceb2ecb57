import type { AccessToken, TokenContext, TokenProvider } from '../auth/token-provider.js';

/** A token provider made by {@link fakeTokens}. */
export interface FakeTokenProvider extends TokenProvider {
  /** What the provider was asked, in order: why, for which URL, with which token before. */
  readonly contexts: readonly TokenContext[];
}

/**
 * A token provider that hands out the given tokens in order, one each time it is asked, and the last one for
 * ever. Without tokens it answers `undefined`: requests go out without one.
 *
 * @param tokens A string becomes `{ token }`, which is kept like any token, so that `'b'` of
 * `fakeTokens('a', 'b')` comes into use when `'a'` is refreshed or rejected, not at the second request. An object
 * is handed out as it is; give it `expiresAt` (epoch milliseconds) to test expiry. An `Error` is thrown.
 * @example
 * ```ts
 * const auth = fakeTokens('expired', 'fresh');
 * const client = new McpClient('github', { ...fake.config, auth });
 * await client.callTool({ name: 'whoami' }); // the server answers 401 to `expired`
 * auth.contexts.map(({ reason }) => reason); // ['initial', 'rejected']
 * ```
 */
export function fakeTokens(
  ...tokens: Array<string | { token: string; expiresAt?: number } | Error>
): FakeTokenProvider {
  const contexts: TokenContext[] = [];
  return {
    contexts,
    async getToken(context): Promise<AccessToken | undefined> {
      contexts.push(context);
      const token = tokens[Math.min(contexts.length, tokens.length) - 1];
      if (token instanceof Error) throw token;
      return typeof token === 'string' ? { token } : token;
    },
  };
}
