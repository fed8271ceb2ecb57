import { inspect } from 'node:util';
import type { OAuthClientProvider } from '@modelcontextprotocol/sdk/client/auth.js';
import type { OAuthTokens } from '@modelcontextprotocol/sdk/shared/auth.js';
import { describe, expect, test } from 'vitest';
import { AuthError, ConnectionError } from '../../../../src/core/errors.js';
import { KnownSecrets } from '../../../../src/core/known-secrets.js';
import { TextExit } from '../../../../src/core/text-exit.js';
import type { HttpFetch, HttpRequest } from '../../../../src/net/http.js';
import { withOAuth } from '../../../../src/session/oauth/oauth-fetch.js';
import { gate, rejection } from '../../client/fakes.js';

const SERVER = new URL('https://mcp.test/mcp');
const ISSUER = 'https://login.test';
const OPTIONS = { serverUrl: SERVER, exit: new TextExit(), onSecret: () => {} };

/** A provider whose person has authorized it once: there is a refresh token. */
function provider(tokens: Partial<OAuthTokens> | null = { access_token: 'old', refresh_token: 'refresh' }) {
  const redirects: URL[] = [];
  let saved =
    tokens === null ? undefined : ({ token_type: 'Bearer', issuer: ISSUER, ...tokens } as OAuthTokens);
  let verifier = '';
  const made: OAuthClientProvider = {
    redirectUrl: 'https://host.test/callback',
    clientMetadata: { redirect_uris: ['https://host.test/callback'] },
    clientInformation: () => ({ client_id: 'client', issuer: ISSUER }),
    tokens: () => saved,
    saveTokens: (next) => {
      saved = next;
    },
    redirectToAuthorization: (url) => void redirects.push(url),
    saveCodeVerifier: (next) => {
      verifier = next;
    },
    codeVerifier: () => verifier,
  };
  return { made, redirects, saved: () => saved };
}

/** The resource server, its authorization server and a record of what was asked, behind one fetch. */
function world({ accepts = 'new', grants = 'new', tokenStatus = 200 } = {}) {
  const requests: { url: string; authorization: string | undefined; request: HttpRequest }[] = [];
  const { passed, open } = gate();
  let waiting = 0;
  const cancelled: string[] = [];
  const world = { requests, cancelled, releaseAt: 0, tokenRequests: () => count('/token') };
  const count = (path: string) => requests.filter(({ url }) => new URL(url).pathname === path).length;
  const fetch: HttpFetch = async (url, request = {}) => {
    const target = new URL(url);
    const authorization = new Headers(request.headers).get('authorization') ?? undefined;
    requests.push({ url: target.href, authorization, request });
    if (target.origin === SERVER.origin && target.pathname === SERVER.pathname) {
      if (authorization === `Bearer ${accepts}`) return new Response('fine');
      // All first requests are answered together.
      if (++waiting >= world.releaseAt) open();
      await passed;
      const challenge = `Bearer resource_metadata="${SERVER.origin}/.well-known/oauth-protected-resource/mcp"`;
      const body = new ReadableStream({ cancel: () => void cancelled.push(target.href) });
      return new Response(body, { status: 401, headers: { 'www-authenticate': challenge } });
    }
    if (target.pathname.startsWith('/.well-known/oauth-protected-resource'))
      return Response.json({ resource: SERVER.href, authorization_servers: [ISSUER] });
    if (target.pathname === '/.well-known/oauth-authorization-server') {
      return Response.json({
        issuer: ISSUER,
        authorization_endpoint: `${ISSUER}/authorize`,
        token_endpoint: `${ISSUER}/token`,
        response_types_supported: ['code'],
        code_challenge_methods_supported: ['S256'],
        token_endpoint_auth_methods_supported: ['none'],
      });
    }
    if (target.pathname === '/token') {
      if (tokenStatus === 0) throw new ConnectionError('CONNECT_FAILED', 'away', { retryable: true });
      if (tokenStatus !== 200) return Response.json({ error: 'server_error' }, { status: tokenStatus });
      return Response.json({ access_token: grants, token_type: 'Bearer', refresh_token: 'next' });
    }
    return new Response(null, { status: 404 });
  };
  return Object.assign(world, { fetch });
}

describe('a fetch with OAuth', () => {
  test('sends the token that there is', async () => {
    const { fetch, requests } = world({ accepts: 'old' });
    const { made } = provider();
    const response = await withOAuth(
      fetch,
      made,
      OPTIONS,
    )(SERVER, { headers: { 'x-a': 'b' }, method: 'POST' });
    expect(response.status).toBe(200);
    expect(requests).toHaveLength(1);
    expect(requests[0]?.request).toMatchObject({
      method: 'POST',
      headers: { 'x-a': 'b', authorization: 'Bearer old' },
    });
  });

  test('runs the flow once for ten requests that meet a 401 together, and sends each once more', async () => {
    const stage = world();
    stage.releaseAt = 10;
    const { made, saved } = provider();
    const fetch = withOAuth(stage.fetch, made, OPTIONS);
    const responses = await Promise.all(Array.from({ length: 10 }, () => fetch(SERVER)));
    expect(responses.map(({ status }) => status)).toEqual(new Array(10).fill(200));
    expect(stage.tokenRequests()).toBe(1);
    expect(saved()?.access_token).toBe('new');
    const sent = stage.requests.filter(({ url }) => url === SERVER.href);
    expect(sent.filter(({ authorization }) => authorization === 'Bearer old')).toHaveLength(10);
    expect(sent.filter(({ authorization }) => authorization === 'Bearer new')).toHaveLength(10);
    expect(stage.cancelled).toHaveLength(10);
    await fetch(SERVER);
    expect(stage.tokenRequests()).toBe(1);
  });

  test('uses a token that another request has got meanwhile, without a flow of its own', async () => {
    const stage = world();
    const { made } = provider();
    stage.releaseAt = 2;
    const fetch = withOAuth(stage.fetch, made, OPTIONS);
    const slow = fetch(SERVER);
    await made.saveTokens({ access_token: 'new', token_type: 'Bearer' });
    expect((await fetch(SERVER)).status).toBe(200);
    stage.releaseAt = 0;
    // The next 401 lets the slow one go on.
    await stage.fetch(SERVER, { headers: { authorization: 'Bearer other' } });
    expect((await slow).status).toBe(200);
    expect(stage.tokenRequests()).toBe(0);
  });

  test('gives the 401 itself when the flow brings the same token again', async () => {
    const stage = world({ grants: 'old' });
    const response = await withOAuth(stage.fetch, provider().made, OPTIONS)(SERVER);
    expect(response.status).toBe(401);
    expect(stage.requests.filter(({ url }) => url === SERVER.href)).toHaveLength(1);
  });

  test('does not run the flow again when the new token is refused, too', async () => {
    const stage = world({ accepts: 'another' });
    const response = await withOAuth(stage.fetch, provider().made, OPTIONS)(SERVER);
    expect(response.status).toBe(401);
    expect(stage.tokenRequests()).toBe(1);
    expect(stage.requests.filter(({ url }) => url === SERVER.href)).toHaveLength(2);
  });

  test('says so when a person has to authorize', async () => {
    const stage = world();
    const { made, redirects } = provider(null);
    const error = await rejection(withOAuth(stage.fetch, made, OPTIONS)(SERVER));
    expect(error).toBeInstanceOf(AuthError);
    expect(error).toMatchObject({ code: 'UNAUTHORIZED', retryable: false });
    expect(redirects).toHaveLength(1);
    expect(redirects[0]?.origin).toBe(ISSUER);
    // Nobody will read the refused response: its connection must be freed.
    expect(stage.cancelled).toHaveLength(1);
  });

  test('tells a flow that fails by an error of ours, and tries again the next time', async () => {
    const stage = world();
    const { made, redirects } = provider(null);
    const cause = new Error('no browser');
    const { redirectToAuthorization } = made;
    made.redirectToAuthorization = () => {
      throw cause;
    };
    const fetch = withOAuth(stage.fetch, made, OPTIONS);
    expect(await rejection(fetch(SERVER))).toMatchObject({
      code: 'TOKEN_FAILED',
      delivery: 'not-sent',
      cause,
    });
    made.redirectToAuthorization = redirectToAuthorization;
    expect(await rejection(fetch(SERVER))).toMatchObject({ code: 'UNAUTHORIZED' });
    expect(redirects).toHaveLength(1);
    expect(stage.cancelled).toHaveLength(2);
  });

  test('tells a provider that cannot give its tokens by an error of ours', async () => {
    const stage = world();
    const { made } = provider();
    const cause = new Error('keychain is locked');
    made.tokens = () => {
      throw cause;
    };
    const error = await rejection(withOAuth(stage.fetch, made, OPTIONS)(SERVER));
    expect(error).toBeInstanceOf(AuthError);
    expect(error).toMatchObject({ code: 'TOKEN_FAILED', delivery: 'not-sent', cause });
    expect(stage.requests).toEqual([]);
  });

  test('lets a caller give up who waits for the flow, and the others have its token', async () => {
    const stage = world();
    const { passed, open } = gate();
    const slow: HttpFetch = async (url, request) => {
      if (String(url).endsWith('/token')) await passed;
      return stage.fetch(url, request);
    };
    stage.releaseAt = 2;
    const fetch = withOAuth(slow, provider().made, OPTIONS);
    const controller = new AbortController();
    const impatient = rejection(fetch(SERVER, { signal: controller.signal }));
    const patient = fetch(SERVER);
    await expect
      .poll(() => stage.requests.some(({ url }) => url.includes('authorization-server')))
      .toBe(true);
    const reason = new Error('enough');
    controller.abort(reason);
    expect(await impatient).toBe(reason);
    open();
    expect((await patient).status).toBe(200);
  });

  test('never sends the token to another origin', async () => {
    const stage = world();
    const fetch = withOAuth(stage.fetch, provider().made, OPTIONS);
    expect((await fetch('https://evil.test/mcp')).status).toBe(404);
    expect(stage.requests).toMatchObject([{ authorization: undefined }]);
  });

  test('refreshes once for eight requests, and ends no login, when each refresh token is good for one use', async () => {
    const login = rotatingLogin();
    // A second session of the same server, as after a reconnect, and a store that is slow to answer.
    const sessions = [1, 2].map(() => withOAuth(login.fetch, login.provider, OPTIONS));
    for (let expiry = 0; expiry < 3; expiry++) {
      login.expire();
      const responses = await Promise.all(
        Array.from({ length: 8 }, (_, index) => (sessions[index % 2] as HttpFetch)(SERVER)),
      );
      expect(responses.map(({ status }) => status)).toEqual(new Array(8).fill(200));
      expect(login.refreshes()).toBe(expiry + 1);
    }
    expect(login.ended()).toBe(false);
  });

  test.each<[string, Parameters<typeof world>[0]]>([
    ['is away', { tokenStatus: 0 }],
    ['has a fault', { tokenStatus: 503 }],
    ['has too much to do', { tokenStatus: 429 }],
  ])('sends nobody to the login page because the authorization server %s', async (_how, options) => {
    const stage = world(options);
    const { made, redirects, saved } = provider();
    const fetch = withOAuth(stage.fetch, made, OPTIONS);
    for (let call = 0; call < 5; call++) {
      expect(await rejection(fetch(SERVER))).toMatchObject({
        code: 'TOKEN_FAILED',
        retryable: true,
        message: expect.stringContaining('could not be refreshed'),
      });
    }
    expect(redirects).toEqual([]);
    expect(saved()?.refresh_token).toBe('refresh');
    // And it is left in peace for a while.
    expect(stage.tokenRequests()).toBe(1);
  });

  test('lets a server that refuses every token cause two token requests a minute, on GET and on POST', async () => {
    let token = 0;
    const stage = world({ accepts: 'none' });
    const fetch: HttpFetch = async (url, request) => {
      const response = await stage.fetch(url, request);
      if (!String(url).endsWith('/token')) return response;
      return Response.json({ access_token: `token-${++token}`, token_type: 'Bearer', refresh_token: 'r' });
    };
    const sent = withOAuth(fetch, provider().made, OPTIONS);
    for (let call = 0; call < 20; call++)
      expect((await sent(SERVER, { method: call % 2 === 0 ? 'GET' : 'POST' })).status).toBe(401);
    expect(token).toBe(2);
  });

  test('tells what the authorization server says, without the secrets in it', async () => {
    const stage = world();
    const fetch: HttpFetch = async (url, request) =>
      String(url).endsWith('/token')
        ? Response.json(
            { error: 'invalid_request', error_description: `no ${request?.body}` },
            { status: 400 },
          )
        : stage.fetch(url, request);
    const { made } = provider({ access_token: 'old', refresh_token: 'canary-1' });
    const secrets = new KnownSecrets();
    const error = await rejection(
      withOAuth(fetch, made, {
        ...OPTIONS,
        exit: new TextExit(secrets),
        onSecret: (secret) => secrets.passing(secret),
      })(SERVER),
    );
    expect(error).toMatchObject({
      code: 'TOKEN_FAILED',
      message: expect.stringMatching(
        /^The OAuth flow failed: invalid_request \(no grant_type=refresh_token&/,
      ),
    });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('canary');
  });
});

/** An authorization server where a refresh token used twice ends the login, and a slow store of its tokens. */
function rotatingLogin() {
  let generation = 0;
  let valid = 'access-0';
  let ended = false;
  const stored = {
    access_token: 'access-0',
    refresh_token: 'refresh-0',
    token_type: 'Bearer',
    issuer: ISSUER,
  };
  const made = provider().made;
  made.tokens = async () => {
    const read = { ...stored };
    await new Promise((resolve) => setTimeout(resolve, 1));
    return read;
  };
  made.saveTokens = (next) => void Object.assign(stored, next);
  const stage = world();
  const fetch: HttpFetch = async (url, request = {}) => {
    if (String(url).endsWith('/token')) {
      const used = new URLSearchParams(String(request.body)).get('refresh_token');
      if (used !== `refresh-${generation}`) ended = true;
      if (ended) return Response.json({ error: 'invalid_grant' }, { status: 400 });
      generation++;
      valid = `access-${generation}`;
      return Response.json({
        access_token: valid,
        refresh_token: `refresh-${generation}`,
        token_type: 'Bearer',
      });
    }
    const authorization = new Headers(request.headers).get('authorization');
    if (String(url) === SERVER.href && authorization === `Bearer ${valid}`) return new Response('fine');
    return stage.fetch(url, request);
  };
  return {
    fetch,
    provider: made,
    expire: () => {
      valid = 'none';
    },
    refreshes: () => generation,
    ended: () => ended,
  };
}
