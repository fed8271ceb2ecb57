import type { TokenContext, TokenProvider } from '../../../src/auth/token-provider.js';
import { type TokenRefresh, TokenSource } from '../../../src/auth/token-source.js';

export const SERVER_URL = new URL('https://mcp.example.com/mcp');

/** What a provider is told with a first question. */
export function tokenContext(changes: Partial<TokenContext> = {}): TokenContext {
  return {
    server: 'docs',
    url: SERVER_URL,
    signal: new AbortController().signal,
    reason: 'initial',
    previous: undefined,
    challenge: undefined,
    fetch: globalThis.fetch,
    ...changes,
  };
}

type Answer = Awaited<ReturnType<TokenProvider['getToken']>>;

/** A source whose provider is `answer`, with a record of all questions and events. */
export function sourceOf(answer: (context: TokenContext, count: number) => Promise<Answer> | Answer) {
  const questions: TokenContext[] = [];
  const events: TokenRefresh[] = [];
  const source = new TokenSource({
    provider: {
      async getToken(context) {
        questions.push(context);
        return answer(context, questions.length);
      },
    },
    server: 'docs',
    url: SERVER_URL,
    onRefresh: (event) => void events.push(event),
  });
  return { source, questions, events };
}

/** `token-1`, `token-2`, … that each live so long. */
export function numberedTokens(lifetimeMs: number) {
  return (_context: TokenContext, count: number) => ({
    token: `token-${count}`,
    expiresAt: Date.now() + lifetimeMs,
  });
}
