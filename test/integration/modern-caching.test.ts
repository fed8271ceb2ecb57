import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { McpClient, staticToken, type TokenProvider } from 'mcp-fleet';
import { describe, expect, test, vi } from 'vitest';
import { type HttpProgram, httpProgram } from '../servers/http.js';
import type { NewerOptions } from '../servers/newer.js';
import { ASKED_CITY, NOTE } from '../servers/program.js';

/** By method, how a client asks for it. */
const LISTS: Readonly<Record<string, (client: McpClient) => Promise<readonly object[]>>> = {
  'tools/list': (client: McpClient) => client.listTools(),
  'resources/list': (client: McpClient) => client.listResources(),
  'resources/templates/list': (client: McpClient) => client.listResourceTemplates(),
  'prompts/list': (client: McpClient) => client.listPrompts(),
};
const methods = Object.keys(LISTS);
const LONG = { ttlMs: 60_000, cacheScope: 'public' } as const;

/** The same hint for everything. */
function hints(hint: { ttlMs: number; cacheScope: 'public' | 'private' }): NewerOptions {
  return { cacheHints: Object.fromEntries([...methods, 'resources/read'].map((method) => [method, hint])) };
}

function acknowledged(server: HttpProgram): Promise<void> {
  return vi.waitFor(() => expect(server.openResponses).toBe(1));
}

describe.each(Object.entries(LISTS))('%s', (method, list) => {
  test('is asked for once while the server says that it holds', async () => {
    await using server = await httpProgram('newer', { ...hints(LONG), isSilent: true });
    await using client = new McpClient('a', { url: server.url });
    const first = await list(client);
    expect(await list(client)).toEqual(first);
    expect(server.count(method)).toBe(1);
    expect(server.count('subscriptions/listen')).toBe(0);
  });

  test('is asked for again when the server says so, or when that is configured', async () => {
    await using server = await httpProgram('newer', {
      ...hints({ ttlMs: 50, cacheScope: 'public' }),
      isSilent: true,
    });
    await using client = new McpClient('a', { url: server.url });
    await list(client);
    await delay(60);
    await list(client);
    expect(server.count(method)).toBe(2);
    await using lasting = await httpProgram('newer', { ...hints(LONG), isSilent: true });
    await using careful = new McpClient('a', { url: lasting.url, cache: { listTtlMs: 50 } });
    await list(careful);
    await delay(60);
    await list(careful);
    expect(lasting.count(method)).toBe(2);
  });

  test('of no time is asked for each time, unless the server tells of its changes', async () => {
    const none = hints({ ttlMs: 0, cacheScope: 'public' });
    await using silent = await httpProgram('newer', { ...none, isSilent: true });
    await using one = new McpClient('a', { url: silent.url });
    for (let n = 0; n < 3; n++) await list(one);
    expect(silent.count(method)).toBe(3);

    await using telling = await httpProgram('newer', none);
    await using other = new McpClient('a', { url: telling.url });
    await list(other);
    await acknowledged(telling);
    // It was read before the server promised to tell of changes.
    await list(other);
    for (let n = 0; n < 3; n++) await list(other);
    expect(telling.count(method)).toBe(2);
  });

  test('that holds for long is asked for again when the server tells of a change', async () => {
    await using server = await httpProgram('newer', hints(LONG));
    await using client = new McpClient('a', { url: server.url });
    await list(client);
    await acknowledged(server);
    const [kind] = method.split('/') as ['tools' | 'resources' | 'prompts'];
    server.program.change(kind);
    await vi.waitFor(() => expect(server.count(method)).toBe(2));
    await list(client);
    expect(server.count(method)).toBe(2);
  });
});

describe('what was read', () => {
  const handlers = {
    elicitation: async () => ({ action: 'accept' as const, content: { city: 'Bern' } }),
  };

  test('holds for as long as the server says, resource by resource, and not beyond an update', async () => {
    await using server = await httpProgram('newer', hints(LONG));
    await using client = new McpClient('a', { url: server.url });
    await client.subscribeResource(NOTE);
    const read = async () => (await client.readResource(NOTE)).contents;
    expect(await read()).toEqual(await read());
    await client.readResource('city://bern');
    expect(server.count('resources/read')).toBe(2);
    const updated = client.once('resource');
    server.program.writeNote('Another note');
    await updated;
    expect(await read()).toMatchObject([{ text: 'Another note' }]);
    expect(server.count('resources/read')).toBe(3);
  });

  test('is not kept where the user was asked for something', async () => {
    await using server = await httpProgram('newer', hints(LONG));
    await using client = new McpClient('a', { url: server.url, handlers });
    for (let n = 0; n < 2; n++) {
      const { contents } = await client.readResource(ASKED_CITY);
      expect(contents).toMatchObject([{ text: 'The city of Bern' }]);
    }
    // A question and an answer for each.
    expect(server.count('resources/read')).toBe(4);
  });
});

describe('where each request may have a user of its own', () => {
  const user = new AsyncLocalStorage<string>();
  const asUser = <Result>(name: string, work: () => Promise<Result>) => user.run(name, work);
  const providers: Record<string, TokenProvider> = {
    'a token that is asked for each time': staticToken(() => user.getStore() ?? 'nobody'),
    'a token by user': {
      key: () => user.getStore(),
      getToken: async ({ key = 'nobody' }) => ({ token: key, expiresAt: Date.now() + 3_600_000 }),
    },
  };
  const askedBy = ({ requests }: HttpProgram, method: string) =>
    requests
      .filter((request) => request.method === method)
      .map(({ headers }) => String(headers.authorization).replace('Bearer ', ''));

  describe.each(Object.entries(providers))('(%s)', (_name, auth) => {
    test.each(Object.entries(LISTS))(
      'a private answer to %s is for the one who asked',
      async (method, list) => {
        await using server = await httpProgram('newer', hints({ ttlMs: 60_000, cacheScope: 'private' }));
        await using client = new McpClient('a', { url: server.url, auth, scope: 'shared' });
        const changed = vi.fn();
        client.on('catalog', changed);
        for (const name of ['ann', 'ben', 'ann']) await asUser(name, () => list(client));
        expect(askedBy(server, method)).toEqual(['ann', 'ben', 'ann']);
        expect(changed).not.toHaveBeenCalled();
      },
    );

    test.each(Object.entries(LISTS))(
      'private answers to %s do not cross when they are asked for at once',
      async (method, list) => {
        await using server = await httpProgram('newer', hints({ ttlMs: 60_000, cacheScope: 'private' }));
        await using client = new McpClient('a', { url: server.url, auth, scope: 'shared' });
        await asUser('ann', () => list(client));
        await Promise.all(['ben', 'cleo'].map((name) => asUser(name, () => list(client))));
        expect(askedBy(server, method).sort()).toEqual(['ann', 'ben', 'cleo']);
      },
    );

    test('a public list is for all', async () => {
      await using server = await httpProgram('newer', hints(LONG));
      await using client = new McpClient('a', { url: server.url, auth, scope: 'shared' });
      for (const name of ['ann', 'ben']) await asUser(name, () => client.listTools());
      expect(server.count('tools/list')).toBe(1);
    });

    test('what was read is for the one who asked', async () => {
      await using server = await httpProgram('newer', hints({ ttlMs: 60_000, cacheScope: 'private' }));
      await using client = new McpClient('a', { url: server.url, auth, scope: 'shared' });
      for (const name of ['ann', 'ben']) await asUser(name, () => client.readResource(NOTE));
      expect(askedBy(server, 'resources/read')).toEqual(['ann', 'ben']);
    });
  });

  test('who is told apart by a key has lists of their own, public ones too', async () => {
    await using server = await httpProgram('newer', hints(LONG));
    const auth = providers['a token by user'] as TokenProvider;
    await using client = new McpClient('a', { url: server.url, auth });
    for (const name of ['ann', 'ben', 'ann']) await asUser(name, () => client.listTools());
    expect(askedBy(server, 'tools/list')).toEqual(['ann', 'ben']);
  });

  test('a private answer is kept where all requests are of one user', async () => {
    await using server = await httpProgram('newer', hints({ ttlMs: 60_000, cacheScope: 'private' }));
    await using client = new McpClient('a', { url: server.url, auth: staticToken('one') });
    for (let n = 0; n < 2; n++) {
      await client.listTools();
      await client.readResource(NOTE);
    }
    expect([server.count('tools/list'), server.count('resources/read')]).toEqual([1, 1]);
  });
});
