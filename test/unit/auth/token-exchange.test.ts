import { AsyncLocalStorage } from 'node:async_hooks';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { tokenExchange } from '../../../src/auth/token-exchange.js';
import type { TokenExchangeOptions } from '../../../src/auth/token-exchange-options.js';
import type { TokenContext } from '../../../src/auth/token-provider.js';
import { TokenSources } from '../../../src/auth/token-sources.js';
import { canonicalJson } from '../../../src/core/canonical-json.js';
import { ConfigError } from '../../../src/core/errors.js';
import { SERVER_URL, tokenContext } from './contexts.js';

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const OPTIONS: TokenExchangeOptions = {
  clientId: 'gateway',
  clientSecret: 'secret',
  tokenUrl: 'https://as.example.com/token',
  subjectToken: () => 'opensesame',
};

describe('the request', () => {
  test('is that of RFC 8693, with what all grants have', async () => {
    const { fetch, forms } = authorizationServer();
    await tokenExchange({ ...OPTIONS, scopes: ['read'] }).getToken(tokenContext({ fetch }));
    expect(Object.fromEntries(forms[0] ?? [])).toEqual({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: 'opensesame',
      subject_token_type: ACCESS_TOKEN,
      scope: 'read',
      resource: SERVER_URL.href,
      client_id: 'gateway',
      client_secret: 'secret',
    });
  });

  test('names the actor and the types where they are given', async () => {
    const { fetch, forms } = authorizationServer();
    const types = {
      subjectTokenType: 'urn:ietf:params:oauth:token-type:jwt',
      requestedTokenType: ACCESS_TOKEN,
    };
    const provider = tokenExchange({ ...OPTIONS, ...types, actorToken: async () => 'gateway-token' });
    await provider.getToken(tokenContext({ fetch }));
    expect(Object.fromEntries(forms[0] ?? [])).toMatchObject({
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      actor_token: 'gateway-token',
      actor_token_type: ACCESS_TOKEN,
      requested_token_type: ACCESS_TOKEN,
    });
  });

  test('is not made for nobody', async () => {
    const { fetch, forms } = authorizationServer();
    const provider = tokenExchange({ ...OPTIONS, subjectToken: () => undefined });
    expect(await provider.getToken(tokenContext({ fetch }))).toBeUndefined();
    expect(forms).toEqual([]);
  });
});

describe('users', () => {
  const caller = new AsyncLocalStorage<string>();
  const sourcesOf = (changes: Partial<TokenExchangeOptions> = {}) => {
    const { fetch, forms } = authorizationServer();
    const provider = tokenExchange({ ...OPTIONS, subjectToken: async () => caller.getStore(), ...changes });
    const sources = new TokenSources({
      provider,
      server: 'docs',
      url: SERVER_URL,
      fetch,
      onRefresh: () => {},
    });
    const tokenOf = (name: string) =>
      caller.run(name, async () => (await (await sources.current()).get())?.token);
    return { forms, sources, tokenOf };
  };

  test('get the token that was issued for theirs, and one request each', async () => {
    const { forms, tokenOf } = sourcesOf();
    const names = ['ada', 'grace', 'ada', 'linus', 'grace', 'ada'];
    expect(await Promise.all(names.map(tokenOf))).toEqual(names.map((name) => `for-${name}`));
    expect(forms).toHaveLength(3);
  });

  test('who are nobody get none', async () => {
    const { sources } = sourcesOf();
    expect(await (await sources.current()).get()).toBeUndefined();
  });

  test('never get a token under the name of another, even if the subject changes between two questions', async () => {
    let asked = 0;
    const { forms, sources } = sourcesOf({ subjectToken: () => (++asked === 1 ? 'ada' : 'mallory') });
    const source = await sources.current();
    await expect(source.get()).rejects.toMatchObject({ code: 'TOKEN_FAILED', retryable: false });
    expect(forms).toEqual([]);
  });

  test('are told apart by keys that say nothing of their tokens', async () => {
    const key = await tokenExchange(OPTIONS).key?.(tokenContext());
    expect(key).not.toContain('sesame');
    expect(key).toBe(await tokenExchange(OPTIONS).key?.(tokenContext()));
  });
});

describe('a subject that cannot be had', () => {
  test.each<[string, TokenExchangeOptions['subjectToken'], boolean]>([
    ['throws', () => Promise.reject(new Error('no session')), true],
    ['is empty', () => '', false],
    ['is a number', () => 7 as unknown as string, false],
  ])('%s', async (_how, subjectToken, retryable) => {
    const { fetch } = authorizationServer();
    const asked = tokenExchange({ ...OPTIONS, subjectToken }).getToken(tokenContext({ fetch }));
    await expect(asked).rejects.toMatchObject({ name: 'AuthError', code: 'TOKEN_FAILED', retryable });
  });
});

test.each<[string, object, string]>([
  ['subjectToken', { subjectToken: undefined }, 'expected a function'],
  ['subjectToken', { subjectToken: 'opensesame' }, 'expected a function'],
  ['actorToken', { actorToken: 'opensesame' }, 'expected a function'],
  ['actorTokenType', { actorTokenType: ACCESS_TOKEN }, 'there is none'],
  ['subjectTokenType', { subjectTokenType: 'jwt' }, 'expected a URI'],
  ['requestedTokenType', { requestedTokenType: '' }, 'expected a URI'],
  ['clientId', { clientId: '' }, 'expected a string'],
  ['tokenUrl', { tokenUrl: undefined }, 'missing'],
  ['subjectTokn', { subjectTokn: () => 'opensesame' }, 'unknown option; nearest: subjectToken'],
  ['parameters.subject_token', { parameters: { subject_token: 'opensesame' } }, 'the option subjectToken'],
  ['parameters.grant_type', { parameters: { grant_type: 'password' } }, 'token-exchange'],
])('the option %s is checked: %o', (option, change, problem) => {
  const make = () => tokenExchange({ ...OPTIONS, ...change });
  expect(make).toThrow(ConfigError);
  expect(make).toThrow(problem);
  try {
    make();
  } catch (error) {
    expect(error).toMatchObject({ path: `tokenExchange.${option}` });
    expect(inspect(error)).not.toContain('opensesame');
  }
});

test('equals another one with the same options', () => {
  expect(canonicalJson(tokenExchange(OPTIONS))).toBe(canonicalJson(tokenExchange({ ...OPTIONS })));
  const other = tokenExchange({ ...OPTIONS, subjectToken: () => 'opensesame' });
  expect(canonicalJson(tokenExchange(OPTIONS))).not.toBe(canonicalJson(other));
});

/** Issues `for-<subject token>`, and keeps the requests. */
function authorizationServer() {
  const forms: URLSearchParams[] = [];
  const fetch = (async (_url: string | URL, request?: RequestInit) => {
    const form = new URLSearchParams(String(request?.body));
    forms.push(form);
    return Response.json({
      access_token: `for-${form.get('subject_token')}`,
      issued_token_type: ACCESS_TOKEN,
      token_type: 'Bearer',
      expires_in: 3_600,
    });
  }) as NonNullable<TokenContext['fetch']>;
  return { fetch, forms };
}
