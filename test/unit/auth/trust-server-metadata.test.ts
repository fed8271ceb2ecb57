import { HttpResponse, http, type JsonBodyType } from 'msw';
import { setupServer } from 'msw/node';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { clientCredentials } from '../../../src/auth/client-credentials.js';
import type { ClientCredentialsOptions } from '../../../src/auth/client-credentials-options.js';
import type { TokenContext } from '../../../src/auth/token-provider.js';
import { tokenContext } from './contexts.js';

const SERVER = 'https://mcp.example.com/mcp';
const ISSUER = 'https://as.example.com';
const TOKEN_URL = `${ISSUER}/token`;
const BY_PATH = 'https://mcp.example.com/.well-known/oauth-protected-resource/mcp';
const AT_ROOT = 'https://mcp.example.com/.well-known/oauth-protected-resource';
const ELSEWHERE = 'https://meta.example.com/mcp.json';
const AS_METADATA = `${ISSUER}/.well-known/oauth-authorization-server`;
const RESOURCE = { resource: SERVER, authorization_servers: [ISSUER] };

const network = setupServer();
const asked: string[] = [];
const forms: URLSearchParams[] = [];
beforeAll(() => network.listen({ onUnhandledRequest: 'error' }));
afterEach(() => {
  network.resetHandlers();
  asked.length = 0;
  forms.length = 0;
});
afterAll(() => network.close());
network.events.on('request:start', ({ request }) => void asked.push(request.url));

describe('the authorization server that the MCP server names', () => {
  test('is found where its challenge says', async () => {
    serve({ [ELSEWHERE]: RESOURCE });
    await getToken({}, { challenge: { resourceMetadata: new URL(ELSEWHERE) } });
    expect(asked).toEqual([ELSEWHERE, AS_METADATA, TOKEN_URL]);
  });

  test('else at the well-known place with its path, else without', async () => {
    serve({ [BY_PATH]: RESOURCE });
    await getToken();
    expect(asked).toEqual([BY_PATH, AS_METADATA, TOKEN_URL]);
    asked.length = 0;
    serve({ [AT_ROOT]: { ...RESOURCE, resource: 'https://mcp.example.com' } });
    await getToken();
    expect(asked).toEqual([BY_PATH, AT_ROOT, AS_METADATA, TOKEN_URL]);
  });

  test('else where it says when it is asked without a token', async () => {
    serve({ [ELSEWHERE]: RESOURCE }, `Basic realm="x", bearer resource_metadata="${ELSEWHERE}"`);
    await getToken();
    expect(asked).toEqual([BY_PATH, AT_ROOT, SERVER, ELSEWHERE, AS_METADATA, TOKEN_URL]);
  });

  test('is looked for once for each server', async () => {
    serve({
      [BY_PATH]: RESOURCE,
      [`${AT_ROOT}/other`]: { ...RESOURCE, resource: 'https://mcp.example.com/other' },
    });
    const provider = clientCredentials(OPTIONS);
    await provider.getToken(tokenContext());
    await provider.getToken(tokenContext());
    await provider.getToken(tokenContext({ url: new URL('https://mcp.example.com/other') }));
    expect(asked.filter((url) => url === BY_PATH)).toHaveLength(1);
    expect(forms.map((form) => form.get('resource'))).toEqual([
      SERVER,
      SERVER,
      'https://mcp.example.com/other',
    ]);
  });
});

test('the resource is sent as the server spells it, unless one is configured', async () => {
  serve({ [BY_PATH]: { ...RESOURCE, resource: 'https://mcp.example.com/' } });
  await getToken();
  await getToken({ resource: 'urn:mine' });
  await getToken({ resource: false });
  expect(forms.map((form) => form.get('resource'))).toEqual(['https://mcp.example.com/', 'urn:mine', null]);
});

test.each<[string, Partial<ClientCredentialsOptions>, Partial<TokenContext>, string | null]>([
  ['configured', { scopes: ['a'] }, { challenge: { scopes: ['b'] } }, 'a'],
  ['challenged', {}, { challenge: { scopes: ['b'] } }, 'b'],
  ['supported', {}, {}, 'c d'],
])('the scopes are those that are %s', async (_where, options, context, scope) => {
  serve({ [BY_PATH]: { ...RESOURCE, scopes_supported: ['c', 'd', 'not a scope', 7] } });
  await getToken(options, context);
  expect(forms[0]?.get('scope')).toBe(scope);
});

describe('no secret goes anywhere because of metadata', () => {
  test.each<[string, JsonBodyType, string]>([
    ['about another server', { ...RESOURCE, resource: 'https://evil.example.com/mcp' }, 'another resource'],
    ['about a sibling', { ...RESOURCE, resource: 'https://mcp.example.com/mc' }, 'another resource'],
    ['about a part of it', { ...RESOURCE, resource: `${SERVER}/part` }, 'another resource'],
    ['about it without TLS', { ...RESOURCE, resource: 'http://mcp.example.com/mcp' }, 'another resource'],
    ['about nothing', { authorization_servers: [ISSUER] }, 'names no resource'],
    ['without an authorization server', { resource: SERVER }, 'names no authorization server'],
    ['with none', { resource: SERVER, authorization_servers: [] }, 'names no authorization server'],
    ['with a relative one', { ...RESOURCE, authorization_servers: ['/as'] }, 'names no authorization server'],
    [
      'with one in the clear',
      { ...RESOURCE, authorization_servers: ['http://as.example.com'] },
      'in the clear',
    ],
    ['with one of another protocol', { ...RESOURCE, authorization_servers: ['file:///as'] }, 'got file:'],
    [
      'with one on this machine',
      { ...RESOURCE, authorization_servers: ['http://127.0.0.1:8080'] },
      'is on this machine',
    ],
    [
      'with one that has a password',
      { ...RESOURCE, authorization_servers: ['https://u:p@as.test'] },
      'password',
    ],
    ['that is a list', [RESOURCE], 'not a JSON object'],
  ])('%s', async (_what, document, problem) => {
    serve({ [BY_PATH]: document });
    await expect(getToken()).rejects.toMatchObject({
      code: 'TOKEN_FAILED',
      retryable: false,
      message: expect.stringContaining(problem),
    });
    expect(asked).toEqual([BY_PATH, AT_ROOT, SERVER]);
  });

  test('of an authorization server that names another issuer', async () => {
    serve({ [BY_PATH]: RESOURCE });
    network.use(
      http.get(AS_METADATA, () =>
        HttpResponse.json({ issuer: 'https://evil.test', token_endpoint: TOKEN_URL }),
      ),
    );
    await expect(getToken()).rejects.toThrow('names another issuer');
    expect(asked).not.toContain(TOKEN_URL);
  });

  test('of an authorization server whose token endpoint is on this machine', async () => {
    serve({ [BY_PATH]: RESOURCE });
    network.use(
      http.get(AS_METADATA, () =>
        HttpResponse.json({ issuer: ISSUER, token_endpoint: 'http://localhost:8080/token' }),
      ),
    );
    await expect(getToken()).rejects.toThrow('is on this machine');
  });

  test('that a redirect leads to', async () => {
    serve({});
    network.use(http.get(BY_PATH, () => HttpResponse.redirect(ELSEWHERE, 302)));
    await expect(getToken()).rejects.toMatchObject({ code: 'TOKEN_FAILED' });
    expect(asked).not.toContain(ELSEWHERE);
  });

  test.each(['http://meta.example.com/mcp.json', 'http://127.0.0.1:8080/mcp.json'])(
    'at %s, where a challenge says',
    async (url) => {
      serve({ [BY_PATH]: RESOURCE });
      await getToken({}, { challenge: { resourceMetadata: new URL(url) } });
      expect(asked).not.toContain(url);
    },
  );
});

test('a server that is away is worth another try, and is not asked for its challenge', async () => {
  network.use(http.get('*', () => new HttpResponse(null, { status: 503 })));
  await expect(getToken()).rejects.toMatchObject({ code: 'TOKEN_FAILED', retryable: true });
  expect(asked).toEqual([BY_PATH, AT_ROOT]);
});

const OPTIONS: ClientCredentialsOptions = {
  clientId: 'service',
  clientSecret: 'secret',
  trustServerMetadata: true,
};

async function getToken(
  options: Partial<ClientCredentialsOptions> = {},
  context: Partial<TokenContext> = {},
) {
  return clientCredentials({ ...OPTIONS, ...options }).getToken(tokenContext(context));
}

/** @param challenge what the MCP server answers to a request without a token. */
function serve(documents: Record<string, JsonBodyType>, challenge?: string): void {
  network.resetHandlers();
  network.use(
    http.post(TOKEN_URL, async ({ request }) => {
      forms.push(new URLSearchParams(await request.text()));
      return HttpResponse.json({ access_token: 'sesame', token_type: 'Bearer' });
    }),
    http.post(SERVER, ({ request }) => {
      expect(request.headers.has('authorization')).toBe(false);
      const headers = challenge === undefined ? {} : { 'www-authenticate': challenge };
      return new HttpResponse(null, { status: 401, headers });
    }),
    http.get(AS_METADATA, () => HttpResponse.json({ issuer: ISSUER, token_endpoint: TOKEN_URL })),
    http.get('*', ({ request }) => {
      const document = documents[request.url];
      return document === undefined ? new HttpResponse(null, { status: 404 }) : HttpResponse.json(document);
    }),
  );
}
