import type { OAuthClientProvider } from '@modelcontextprotocol/sdk/client/auth.js';
import type { OAuthClientInformationMixed, OAuthTokens } from '@modelcontextprotocol/sdk/shared/auth.js';
import { describe, expect, test, vi } from 'vitest';
import { TextExit } from '../../../../src/core/text-exit.js';
import type { HttpFetch } from '../../../../src/net/http.js';
import { withOAuth } from '../../../../src/session/oauth/oauth-fetch.js';
import { rejection } from '../../client/fakes.js';

const SERVER = new URL('https://mcp.test/mcp');
const OPTIONS = { serverUrl: SERVER, exit: new TextExit(), onSecret: () => {} };
const HOME = 'https://login.test';
const CLIENT_SECRET = 'client-secret-1';
const REFRESH_TOKEN = 'refresh-token-1';

interface Stored {
  client?: OAuthClientInformationMixed | undefined;
  tokens?: OAuthTokens | undefined;
}

/** A provider over a store that keeps what it is given as it is, or without the issuer. */
function provider(stored: Stored, more: Partial<OAuthClientProvider> = {}, keepsIssuer = true) {
  const redirects: URL[] = [];
  const kept = <Value extends object>(value: Value): Value => {
    if (keepsIssuer) return value;
    const { issuer: _dropped, ...rest } = value as Value & { issuer?: string };
    return rest as Value;
  };
  const made: OAuthClientProvider = {
    redirectUrl: 'https://host.test/callback',
    clientMetadata: { redirect_uris: ['https://host.test/callback'] },
    clientInformation: () => stored.client,
    tokens: () => stored.tokens,
    saveTokens: (tokens) => {
      stored.tokens = kept(tokens);
    },
    redirectToAuthorization: (url) => void redirects.push(url),
    saveCodeVerifier: () => {},
    codeVerifier: () => 'verifier',
    ...more,
  };
  return { made, redirects, stored };
}

/** An MCP server that names `issuer` as its authorization server, and takes no token but `fine`. */
function serverNaming(issuer: () => string) {
  const asked: string[] = [];
  let generation = 1;
  const fetch: HttpFetch = async (url, request = {}) => {
    const { origin, pathname } = new URL(url);
    const body = String(request.body ?? '');
    const authorization = new Headers(request.headers).get('authorization') ?? '';
    if (origin === SERVER.origin && pathname === SERVER.pathname)
      return authorization === 'Bearer fine' ? new Response('fine') : new Response(null, { status: 401 });
    asked.push(`${origin}${pathname} ${authorization} ${body}`);
    if (pathname.startsWith('/.well-known/oauth-protected-resource'))
      return Response.json({ resource: SERVER.href, authorization_servers: [issuer()] });
    if (pathname.startsWith('/.well-known/'))
      return Response.json({
        issuer: issuer(),
        authorization_endpoint: `${issuer()}/authorize`,
        token_endpoint: `${issuer()}/token`,
        registration_endpoint: `${issuer()}/register`,
        response_types_supported: ['code'],
        code_challenge_methods_supported: ['S256'],
        token_endpoint_auth_methods_supported: ['client_secret_post'],
      });
    if (pathname === '/register')
      return Response.json({
        ...JSON.parse(body),
        client_id: 'registered',
        client_secret: 'registered-secret',
      });
    if (pathname === '/token')
      return Response.json({
        access_token: 'fine',
        token_type: 'Bearer',
        refresh_token: `refresh-token-${++generation}`,
      });
    return new Response(null, { status: 404 });
  };
  return { fetch, asked, told: () => asked.join('\n') };
}

const TOKENS = { access_token: 'expired', token_type: 'Bearer', refresh_token: REFRESH_TOKEN };
const CLIENT = { client_id: 'service', client_secret: CLIENT_SECRET };

describe('credentials of a login', () => {
  test.each<[string, Stored, Partial<OAuthClientProvider>]>([
    ['a client secret', { client: CLIENT, tokens: TOKENS }, {}],
    [
      'a client secret and a token with an issuer',
      { client: CLIENT, tokens: { ...TOKENS, issuer: HOME } },
      {},
    ],
    [
      'an assertion of the host',
      { client: { client_id: 'service' }, tokens: TOKENS },
      { addClientAuthentication: (_headers, params) => void params.set('client_assertion', CLIENT_SECRET) },
    ],
    [
      'a grant of the host',
      { client: { client_id: 'service' } },
      {
        redirectUrl: undefined,
        prepareTokenRequest: () => new URLSearchParams({ assertion: CLIENT_SECRET }),
      },
    ],
  ])('that do not name their issuer are sent nowhere: %s', async (_what, stored, more) => {
    for (const issuer of ['https://evil.test', SERVER.origin, HOME]) {
      const stage = serverNaming(() => issuer);
      const error = await rejection(withOAuth(stage.fetch, provider(stored, more).made, OPTIONS)(SERVER));
      expect(error).toMatchObject({ code: 'TOKEN_FAILED', retryable: false });
      expect(String(error)).toContain('credentials without issuer');
      expect(stage.told()).not.toMatch(/secret-1|token-1|\/token/);
    }
  });

  test('go to their issuer, and to no other that a server names', async () => {
    const stored = () => ({ client: { ...CLIENT, issuer: HOME }, tokens: { ...TOKENS, issuer: HOME } });
    const right = serverNaming(() => HOME);
    expect((await withOAuth(right.fetch, provider(stored()).made, OPTIONS)(SERVER)).status).toBe(200);
    expect(right.told()).toContain(CLIENT_SECRET);
    expect(right.told()).toContain(REFRESH_TOKEN);

    const wrong = serverNaming(() => 'https://evil.test');
    const error = await rejection(withOAuth(wrong.fetch, provider(stored()).made, OPTIONS)(SERVER));
    expect(String(error)).toContain(`is bound to authorization server ${HOME}`);
    expect(wrong.told()).not.toMatch(/secret-1|token-1/);
  });

  test('a refresh token without an issuer is withheld, and the person told why there is a login', async () => {
    const warned = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const stage = serverNaming(() => HOME);
    const { made, redirects } = provider({ client: { client_id: 'public' }, tokens: TOKENS });
    const error = await rejection(withOAuth(stage.fetch, made, OPTIONS)(SERVER));
    expect(error).toMatchObject({ code: 'UNAUTHORIZED' });
    expect(String(error)).toContain('its refresh token was not used');
    expect(redirects).toHaveLength(1);
    expect(stage.told()).not.toContain('token-1');
    expect(warned).not.toHaveBeenCalled();
    warned.mockRestore();
  });

  test('are known for those of an issuer while this process lives, where the store drops it', async () => {
    let issuer = HOME;
    const stage = serverNaming(() => issuer);
    const { made, stored } = provider(
      { client: { ...CLIENT, issuer: HOME }, tokens: { ...TOKENS, issuer: HOME } },
      {},
      false,
    );
    const fetch = withOAuth(stage.fetch, made, OPTIONS);
    expect((await fetch(SERVER)).status).toBe(200);
    expect(stored.tokens).toEqual({
      access_token: 'fine',
      token_type: 'Bearer',
      refresh_token: 'refresh-token-2',
    });
    stored.tokens = { ...(stored.tokens as OAuthTokens), access_token: 'expired' };
    expect((await fetch(SERVER)).status).toBe(200);
    expect(stage.told()).toContain('refresh-token-2');
    stored.tokens = { ...(stored.tokens as OAuthTokens), access_token: 'expired' };
    issuer = 'https://evil.test';
    await rejection(fetch(SERVER));
    expect(stage.told()).not.toContain('refresh-token-3');
  });

  test('are registered anew where that can be done', async () => {
    const stage = serverNaming(() => HOME);
    const { made, stored, redirects } = provider({ client: CLIENT });
    made.saveClientInformation = (client) => {
      stored.client = client;
    };
    expect(await rejection(withOAuth(stage.fetch, made, OPTIONS)(SERVER))).toMatchObject({
      code: 'UNAUTHORIZED',
    });
    expect(stored.client).toMatchObject({ client_id: 'registered', issuer: `${HOME}` });
    expect(redirects[0]?.searchParams.get('client_id')).toBe('registered');
    expect(stage.told()).not.toContain(CLIENT_SECRET);
  });
});
