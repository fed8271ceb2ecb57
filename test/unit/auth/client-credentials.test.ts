import { inspect } from 'node:util';
import { HttpResponse, http } from 'msw';
import { setupServer } from 'msw/node';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { clientCredentials } from '../../../src/auth/client-credentials.js';
import type { ClientCredentialsOptions } from '../../../src/auth/client-credentials-options.js';
import type { TokenContext } from '../../../src/auth/token-provider.js';
import { AuthError } from '../../../src/core/errors.js';
import { tokenContext } from './contexts.js';

const TOKEN_URL = 'https://as.example.com/token';
const SECRET = 'a-b+c/d%e f';
const network = setupServer();

beforeAll(() => network.listen({ onUnhandledRequest: 'error' }));
afterEach(() => network.resetHandlers());
afterAll(() => network.close());

describe('the token request', () => {
  test('is a form with the grant, the client, the scopes and the resource', async () => {
    const requests = answerTokens({ access_token: 'sesame', token_type: 'Bearer' });
    await ask({ scopes: ['read', 'write'] });
    expect(requests).toHaveLength(1);
    expect(Object.fromEntries(requests[0]?.form ?? [])).toEqual({
      grant_type: 'client_credentials',
      client_id: 'service',
      client_secret: SECRET,
      scope: 'read write',
      resource: 'https://mcp.example.com/mcp',
    });
    expect(requests[0]?.headers.get('authorization')).toBeNull();
  });

  test('carries form-encoded credentials in the header for client_secret_basic', async () => {
    const requests = answerTokens({ access_token: 'sesame', token_type: 'Bearer' });
    await ask({ clientId: 'my:service', clientAuth: 'client_secret_basic' });
    const [scheme, credentials = ''] = requests[0]?.headers.get('authorization')?.split(' ') ?? [];
    expect(scheme).toBe('Basic');
    expect(atob(credentials)).toBe('my%3Aservice:a-b%2Bc%2Fd%25e+f');
    expect([...(requests[0]?.form.keys() ?? [])]).toEqual(['resource', 'grant_type']);
  });

  test.each<[string, ClientCredentialsOptions['resource'], string, string | null]>([
    [
      'the URL of the server',
      undefined,
      'https://mcp.example.com/mcp?tenant=1#part',
      'https://mcp.example.com/mcp?tenant=1',
    ],
    ['it without a bare slash', undefined, 'https://MCP.example.com:443/', 'https://mcp.example.com'],
    [
      'it without user and password',
      undefined,
      'https://me:secret@mcp.example.com/mcp',
      'https://mcp.example.com/mcp',
    ],
    [
      'what is configured, unchanged',
      'https://API.example.com',
      'https://mcp.example.com/mcp',
      'https://API.example.com',
    ],
    ['nothing', false, 'https://mcp.example.com/mcp', null],
  ])('names as its resource %s', async (_what, resource, url, sent) => {
    const requests = answerTokens({ access_token: 'sesame', token_type: 'Bearer' });
    await ask(resource === undefined ? {} : { resource }, { url: new URL(url) });
    expect(requests[0]?.form.get('resource') ?? null).toBe(sent);
  });

  test('has further parameters', async () => {
    const requests = answerTokens({ access_token: 'sesame', token_type: 'Bearer' });
    await ask({ resource: false, parameters: { audience: 'https://api.example.com' } });
    expect(requests[0]?.form.get('audience')).toBe('https://api.example.com');
  });

  test('asks a secret function each time', async () => {
    const requests = answerTokens({ access_token: 'sesame', token_type: 'Bearer' });
    let count = 0;
    const provider = clientCredentials({ ...OPTIONS, clientSecret: async () => `secret-${++count}` });
    await provider.getToken(tokenContext());
    await provider.getToken(tokenContext());
    expect(requests.map(({ form }) => form.get('client_secret'))).toEqual(['secret-1', 'secret-2']);
  });
});

describe('the scopes asked for', () => {
  const scopesAsked = async (
    options: Partial<ClientCredentialsOptions>,
    ...contexts: Partial<TokenContext>[]
  ) => {
    const requests = answerTokens({ access_token: 'sesame', token_type: 'Bearer' });
    const provider = clientCredentials({ ...OPTIONS, ...options });
    let previous: TokenContext['previous'];
    for (const context of contexts) {
      previous = (await provider.getToken(
        tokenContext({ previous, ...context }),
      )) as TokenContext['previous'];
    }
    return requests.map(({ form }) => form.get('scope') ?? undefined);
  };

  test('are the configured ones, whatever a 401 says', async () => {
    const challenge = { scopes: ['admin'] };
    expect(await scopesAsked({ scopes: ['read'] }, {}, { reason: 'rejected', challenge })).toEqual([
      'read',
      'read',
    ]);
  });

  test('are those of the challenge when none are configured', async () => {
    const challenge = { scopes: ['read', 'write'] };
    expect(await scopesAsked({}, {}, { reason: 'rejected', challenge })).toEqual([undefined, 'read write']);
  });

  test('are both after a 403, then and for the tokens after it', async () => {
    const challenge = { scopes: ['write'] };
    const asked = await scopesAsked(
      { scopes: ['read'] },
      {},
      { reason: 'insufficient_scope', challenge },
      { reason: 'expiring', challenge },
    );
    expect(asked).toEqual(['read', 'read write', 'read write']);
  });
});

describe('the answer', () => {
  test('gives the token, its expiry and its scopes', async () => {
    answerTokens({ access_token: 'sesame', token_type: 'bEaReR', expires_in: 3_600, scope: 'read' });
    const token = await ask({ scopes: ['read', 'write'] });
    expect(token).toEqual({ token: 'sesame', expiresAt: expect.any(Number), scopes: ['read'] });
    expect(token.expiresAt ?? 0).toBeGreaterThan(Date.now() + 3_590_000);
    expect(token.expiresAt ?? 0).toBeLessThanOrEqual(Date.now() + 3_600_000);
  });

  test('without scopes grants those asked for', async () => {
    answerTokens({ access_token: 'sesame', token_type: 'Bearer' });
    expect(await ask({ scopes: ['read'] })).toEqual({ token: 'sesame', scopes: ['read'] });
  });

  test.each([0, -1, 'soon', null, true, '1e999'])(
    'with expires_in %j does not say when it expires',
    async (expires_in) => {
      answerTokens({ access_token: 'sesame', token_type: 'Bearer', expires_in });
      expect((await ask()).expiresAt).toBeUndefined();
    },
  );

  test('may have expires_in as a string', async () => {
    answerTokens({ access_token: 'sesame', token_type: 'Bearer', expires_in: '60' });
    expect((await ask()).expiresAt).toBeGreaterThan(Date.now() + 50_000);
  });

  test('may hold what nobody asked for', async () => {
    answerTokens({
      access_token: 'sesame',
      token_type: 'Bearer',
      id_token: 'junk',
      refresh_token: '',
      scope: ['read'],
    });
    expect(await ask()).toEqual({ token: 'sesame' });
  });

  test.each<[string, object | string]>([
    ['a token of another type', { access_token: 'sesame', token_type: 'DPoP' }],
    ['no token', { token_type: 'Bearer' }],
    ['a token that breaks the header', { access_token: 'sesame\r\nx: y', token_type: 'Bearer' }],
    ['a token that is no string', { access_token: ['sesame'], token_type: 'Bearer' }],
    ['HTML', '<h1>sesame</h1>'],
    ['a list', '["sesame"]'],
    ['nothing', ''],
  ])('%s is no token, and is not shown', async (_what, body) => {
    answerTokens(body);
    const error = await failureOf(ask());
    expect(error).toMatchObject({ code: 'TOKEN_FAILED', retryable: false });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('sesame');
  });

  test.each<[string, object | string, number]>([
    ['201', { access_token: 'sesame', token_type: 'Bearer' }, 201],
    ['203', { access_token: 'sesame', token_type: 'bearer' }, 203],
    ['no type', { access_token: 'sesame' }, 200],
    ['null as type', { access_token: 'sesame', token_type: null }, 200],
    ['an empty type', { access_token: 'sesame', token_type: '' }, 200],
    ['a byte order mark', '\ufeff{"access_token":"sesame"}', 200],
    ['line breaks around it', '\r\n {"access_token":"sesame"}\n\n', 200],
    ['null as error', { access_token: 'sesame', error: null, error_description: null, scope: null }, 200],
  ])('is taken with %s', async (_what, body, status) => {
    answerTokens(body, { status });
    expect(await ask()).toEqual({ token: 'sesame' });
  });

  test.each<[string, object | string, string]>([
    ['without a token', { token_type: 'Bearer' }, 'HTTP 200, access_token is missing'],
    ['with null', { access_token: null }, 'HTTP 200, access_token is missing'],
    [
      'with an object',
      { access_token: {} },
      'HTTP 200, access_token: expected a string, got a value of type object',
    ],
    ['with nothing in it', { access_token: '' }, 'HTTP 200, access_token: is empty'],
    [
      'with a token of another type',
      { access_token: 'a', token_type: 'DPoP' },
      'HTTP 200, token_type is not Bearer',
    ],
    ['that is HTML', '<html>', 'HTTP 200, the body is no JSON object'],
    ['that is empty', '', 'HTTP 200, the body is no JSON object'],
  ])('%s says what is missing or wrong', async (_what, body, said) => {
    answerTokens(body);
    expect((await failureOf(ask())).message).toBe(
      `The authorization server ${TOKEN_URL} gave no token that can be used: ${said}`,
    );
  });

  test('is not read beyond 1 MB', async () => {
    answerTokens({ access_token: 'x'.repeat(1_100_000), token_type: 'Bearer' });
    expect(await failureOf(ask())).toMatchObject({ retryable: false, cause: { code: 'RESPONSE_TOO_LARGE' } });
  });
});

describe('a refusal', () => {
  test.each([
    'invalid_client',
    'invalid_grant',
    'unauthorized_client',
    'invalid_scope',
    'invalid_target',
    'access_denied',
  ])('%s is final', async (error) => {
    answerTokens({ error }, { status: 400 });
    expect(await failureOf(ask())).toMatchObject({
      retryable: false,
      message: expect.stringContaining(error),
    });
  });

  test.each(['temporarily_unavailable', 'server_error', 'slow_down'])('%s may pass', async (error) => {
    answerTokens({ error }, { status: 400 });
    expect((await failureOf(ask())).retryable).toBe(true);
  });

  test('with a challenge is read from its body', async () => {
    const headers = { 'www-authenticate': 'Basic realm="as"' };
    answerTokens({ error: 'invalid_client', error_description: 'no such client' }, { status: 401, headers });
    expect(await failureOf(ask())).toMatchObject({
      retryable: false,
      message: `The authorization server ${TOKEN_URL} gave no token: HTTP 401, invalid_client (no such client)`,
    });
  });

  test.each([400, 401, 403, 404, 405, 302])(
    'HTTP %i that does not explain itself is final',
    async (status) => {
      answerTokens('<h1>no</h1>', { status });
      expect(await failureOf(ask())).toMatchObject({
        retryable: false,
        message: expect.stringContaining(`HTTP ${status}`),
      });
    },
  );

  test.each([500, 502, 503, 504, 429])('HTTP %i may pass', async (status) => {
    answerTokens('<h1>no</h1>', { status });
    expect(await failureOf(ask())).toMatchObject({
      retryable: true,
      message: expect.stringContaining(`HTTP ${status}`),
    });
  });

  test.each<[string, object, string, boolean]>([
    [
      'an error under 200',
      { error: 'invalid_client', error_description: 'no such client' },
      'HTTP 200, invalid_client (no such client)',
      false,
    ],
    [
      'an error that may pass under 200',
      { error: 'temporarily_unavailable' },
      'HTTP 200, temporarily_unavailable',
      true,
    ],
    [
      'an error as an object',
      { error: { code: 'bad_client', message: 'Unknown' } },
      'HTTP 200, bad_client (Unknown)',
      false,
    ],
    [
      'a code and a summary',
      { errorCode: 'E0000001', errorSummary: 'Api validation failed' },
      'HTTP 200, E0000001 (Api validation failed)',
      false,
    ],
  ])('is understood: %s', async (_what, body, said, retryable) => {
    answerTokens(body);
    expect(await failureOf(ask())).toMatchObject({
      message: `The authorization server ${TOKEN_URL} gave no token: ${said}`,
      retryable,
    });
  });

  test('says when to come back', async () => {
    answerTokens({ error: 'slow_down' }, { status: 429, headers: { 'retry-after': '7' } });
    expect(await failureOf(ask())).toMatchObject({ retryable: true, retryAfterMs: 7_000 });
  });

  test.each([
    ['as it is', SECRET],
    ['form-encoded', 'a-b%2Bc%2Fd%25e+f'],
    ['percent-encoded', encodeURIComponent(SECRET)],
    ['in base64', Buffer.from(SECRET).toString('base64')],
    ['as basic credentials', btoa('service:a-b%2Bc%2Fd%25e+f')],
  ])('that echoes the secret %s is shown without it', async (_how, echo) => {
    answerTokens(
      { error: 'invalid_client', error_description: `bad: ${echo}!\n\u001b[31m` },
      { status: 401 },
    );
    const error = await failureOf(ask());
    expect(error.message).toContain('(bad: [redacted]!)');
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(echo);
  });

  test('is cut when it is long', async () => {
    answerTokens({ error: 'invalid_client', error_description: 'x'.repeat(10_000) }, { status: 401 });
    expect((await failureOf(ask())).message.length).toBeLessThan(400);
  });
});

describe('no answer', () => {
  test('is worth another try', async () => {
    network.use(http.post(TOKEN_URL, () => HttpResponse.error()));
    expect(await failureOf(ask())).toMatchObject({ retryable: true, cause: { code: 'CONNECTION_LOST' } });
  });

  test('is waited for until timeoutMs', async () => {
    network.use(http.post(TOKEN_URL, () => new Promise<never>(() => {})));
    expect(await failureOf(ask({ timeoutMs: 50 }))).toMatchObject({
      retryable: true,
      cause: { code: 'TIMEOUT' },
    });
  });

  test('is not waited for when the question is withdrawn', async () => {
    network.use(http.post(TOKEN_URL, () => new Promise<never>(() => {})));
    const controller = new AbortController();
    const asked = ask({}, { signal: controller.signal });
    controller.abort(new Error('closed'));
    await expect(asked).rejects.toThrow('closed');
  });

  test('because the secret cannot be had', async () => {
    const clientSecret = () => Promise.reject(new Error('vault sealed'));
    expect(await failureOf(ask({ clientSecret }))).toMatchObject({
      retryable: true,
      cause: { message: 'vault sealed' },
    });
    expect(await failureOf(ask({ clientSecret: () => '' }))).toMatchObject({ code: 'TOKEN_FAILED' });
  });
});

test('a redirect is not followed with the secret', async () => {
  const elsewhere = vi.fn(() => HttpResponse.json({ access_token: 'sesame', token_type: 'Bearer' }));
  network.use(
    http.post(TOKEN_URL, () => HttpResponse.redirect('https://evil.example.com/token', 307)),
    http.post('https://evil.example.com/token', elsewhere),
  );
  expect(await failureOf(ask())).toMatchObject({ retryable: false });
  expect(elsewhere).not.toHaveBeenCalled();
});

const OPTIONS: ClientCredentialsOptions = { clientId: 'service', clientSecret: SECRET, tokenUrl: TOKEN_URL };

async function ask(options: Partial<ClientCredentialsOptions> = {}, context: Partial<TokenContext> = {}) {
  const token = await clientCredentials({ ...OPTIONS, ...options }).getToken(tokenContext(context));
  if (typeof token !== 'object') throw new Error('Expected an object');
  return token;
}

/** Answers every token request so, and keeps the requests. */
function answerTokens(body: object | string, init: ResponseInit = {}) {
  const requests: { headers: Headers; form: URLSearchParams }[] = [];
  network.use(
    http.post(TOKEN_URL, async ({ request }) => {
      requests.push({ headers: request.headers, form: new URLSearchParams(await request.text()) });
      const { status = 200 } = init;
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      const type = typeof body === 'string' ? 'text/html' : 'application/json';
      return new HttpResponse(text, { status, headers: { 'content-type': type, ...init.headers } });
    }),
  );
  return requests;
}

async function failureOf(asked: Promise<unknown>): Promise<AuthError> {
  const error = await asked.then(
    () => undefined,
    (thrown) => thrown,
  );
  expect(error).toBeInstanceOf(AuthError);
  expect(error.code).toBe('TOKEN_FAILED');
  expect(error.cause).toBeInstanceOf(Error);
  expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(SECRET);
  return error;
}
