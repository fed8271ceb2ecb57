import { HttpResponse, http, type JsonBodyType } from 'msw';
import { setupServer } from 'msw/node';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { clientCredentials } from '../../../src/auth/client-credentials.js';
import { AuthError } from '../../../src/core/errors.js';
import { tokenContext } from './contexts.js';

const ISSUER = 'https://as.example.com/tenant';
const TOKEN_URL = 'https://tokens.example.com/token';
const METADATA = { issuer: ISSUER, token_endpoint: TOKEN_URL };
const PLACES = [
  'https://as.example.com/.well-known/oauth-authorization-server/tenant',
  'https://as.example.com/.well-known/openid-configuration/tenant',
  'https://as.example.com/tenant/.well-known/openid-configuration',
] as const;

const network = setupServer();
const asked: string[] = [];
beforeAll(() => network.listen({ onUnhandledRequest: 'error' }));
afterEach(() => {
  network.resetHandlers();
  asked.length = 0;
});
afterAll(() => network.close());
network.events.on('request:start', ({ request }) => void asked.push(request.url));

describe('metadata of the issuer', () => {
  test.each([0, 1, 2])('is looked for in order, found at place %i', async (place) => {
    serve({ [PLACES[place] as string]: METADATA });
    await expect(getToken()).resolves.toMatchObject({ token: 'sesame' });
    expect(asked).toEqual([...PLACES.slice(0, place + 1), TOKEN_URL]);
  });

  test('is at two places when the issuer has no path', async () => {
    const issuer = 'https://as.example.com';
    serve({ 'https://as.example.com/.well-known/openid-configuration': { ...METADATA, issuer } });
    await getToken({ issuer });
    expect(asked).toEqual([
      'https://as.example.com/.well-known/oauth-authorization-server',
      'https://as.example.com/.well-known/openid-configuration',
      TOKEN_URL,
    ]);
  });

  test('is read once', async () => {
    serve({ [PLACES[0]]: METADATA });
    const provider = clientCredentials(OPTIONS);
    await provider.getToken(tokenContext());
    await provider.getToken(tokenContext());
    expect(asked).toEqual([PLACES[0], TOKEN_URL, TOKEN_URL]);
  });

  test('is read again after a failure', async () => {
    serve({ [PLACES[0]]: METADATA });
    network.use(http.post(TOKEN_URL, () => new HttpResponse(null, { status: 404 }), { once: true }));
    const provider = clientCredentials(OPTIONS);
    await expect(provider.getToken(tokenContext())).rejects.toThrow('HTTP 404');
    await provider.getToken(tokenContext());
    expect(asked).toEqual([PLACES[0], TOKEN_URL, PLACES[0], TOKEN_URL]);
  });
});

describe('metadata is not believed', () => {
  test.each<[string, JsonBodyType, string]>([
    [
      'for another issuer',
      { ...METADATA, issuer: 'https://evil.example.com' },
      'names another issuer, https://evil.example.com/',
    ],
    ['for the issuer with a slash', { ...METADATA, issuer: `${ISSUER}/` }, 'names another issuer'],
    ['for no issuer', { token_endpoint: TOKEN_URL }, 'names no issuer'],
    ['without a token endpoint', { issuer: ISSUER }, 'has no token_endpoint'],
    ['with a relative token endpoint', { ...METADATA, token_endpoint: '/token' }, 'has no token_endpoint'],
    [
      'with a token endpoint in the clear',
      { ...METADATA, token_endpoint: 'http://as.example.com/token' },
      'in the clear',
    ],
    [
      'with a token endpoint of another protocol',
      { ...METADATA, token_endpoint: 'file:///token' },
      'got file:',
    ],
    ['that is a list', [METADATA], 'not a JSON object'],
  ])('%s', async (_what, document, problem) => {
    serve({ [PLACES[0]]: document });
    const error = await getToken().catch((thrown) => thrown);
    expect(error).toBeInstanceOf(AuthError);
    expect(error).toMatchObject({
      code: 'TOKEN_FAILED',
      retryable: false,
      message: expect.stringContaining(problem),
    });
    expect(asked).toEqual([...PLACES]);
  });
});

describe('without metadata', () => {
  test('everywhere, there is nothing to retry', async () => {
    serve({});
    await expect(getToken()).rejects.toMatchObject({ code: 'TOKEN_FAILED', retryable: false });
  });

  test('because of a server error, there is', async () => {
    network.use(
      http.get('*', () => new HttpResponse(null, { status: 503, headers: { 'retry-after': '5' } })),
    );
    await expect(getToken()).rejects.toMatchObject({ retryable: true, retryAfterMs: 5_000 });
  });

  test('because the server is away, the other places are not tried', async () => {
    network.use(http.get('*', () => HttpResponse.error()));
    await expect(getToken()).rejects.toMatchObject({ code: 'TOKEN_FAILED', retryable: true });
    expect(asked).toEqual([PLACES[0]]);
  });

  test('because of a redirect, the next place is tried', async () => {
    serve({ [PLACES[1]]: METADATA });
    network.use(http.get(PLACES[0], () => HttpResponse.redirect('https://evil.example.com/', 302)));
    await getToken();
    expect(asked).toEqual([PLACES[0], PLACES[1], TOKEN_URL]);
  });
});

describe('the client authentication', () => {
  test.each([
    [undefined, 'post'],
    [['client_secret_basic', 'client_secret_post'], 'post'],
    [['private_key_jwt', 'client_secret_basic'], 'basic'],
    ['junk', 'post'],
  ])('follows the metadata: %j', async (methods, expected) => {
    const used: string[] = [];
    serve({ [PLACES[0]]: { ...METADATA, token_endpoint_auth_methods_supported: methods } }, used);
    await getToken();
    expect(used).toEqual([expected]);
  });

  test('is the configured one all the same', async () => {
    const used: string[] = [];
    serve(
      { [PLACES[0]]: { ...METADATA, token_endpoint_auth_methods_supported: ['client_secret_basic'] } },
      used,
    );
    await getToken({ clientAuth: 'client_secret_post' });
    expect(used).toEqual(['post']);
  });
});

const OPTIONS = { clientId: 'service', clientSecret: 'secret', issuer: ISSUER };

async function getToken(options: object = {}) {
  return clientCredentials({ ...OPTIONS, ...options }).getToken(tokenContext());
}

function serve(documents: Record<string, JsonBodyType>, used: string[] = []): void {
  network.use(
    http.post(TOKEN_URL, ({ request }) => {
      used.push(request.headers.has('authorization') ? 'basic' : 'post');
      return HttpResponse.json({ access_token: 'sesame', token_type: 'Bearer' });
    }),
    http.get('*', ({ request }) => {
      const document = documents[request.url];
      return document === undefined ? new HttpResponse(null, { status: 404 }) : HttpResponse.json(document);
    }),
  );
}
