import { expect, onTestFinished, test, vi } from 'vitest';
import { lazyHttpClient } from '../../../src/net/lazy-http-client.js';
import { httpServer } from './servers.js';

function lazyClient() {
  const client = lazyHttpClient({ connectTimeoutMs: 10_000 });
  onTestFinished(() => client.close());
  return client;
}

test('fetches with one client', async () => {
  const server = await httpServer((_request, response) => response.end('ok'));
  const client = lazyClient();
  for (let i = 0; i < 3; i++) {
    expect(await (await client.fetch(server.origin)).text()).toBe('ok');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  expect(server.connections).toBe(1);
});

test('close breaks its connections', async () => {
  const server = await httpServer((_request, response) => response.end('ok'));
  const client = lazyClient();
  await (await client.fetch(server.origin)).text();
  await client.close();
  await vi.waitFor(() => expect(server.openConnections).toBe(0), 1_000);
});

test.each(['a used', 'an unused'])('%s client that is closed refuses, as not-sent', async (which) => {
  const server = await httpServer((_request, response) => response.end('ok'));
  const client = lazyClient();
  if (which === 'a used') await (await client.fetch(server.origin)).text();
  const before = server.connections;
  await client.close();
  await client.close();
  await expect(client.fetch(server.origin)).rejects.toMatchObject({
    code: 'CONNECT_FAILED',
    delivery: 'not-sent',
  });
  expect(server.connections).toBe(before);
});

test('close while its code is still being loaded leaves no connection behind', async () => {
  const server = await httpServer((_request, response) => response.end('ok'));
  const client = lazyClient();
  const answer = client.fetch(server.origin).catch((error: unknown) => error);
  await client.close();
  await answer;
  await vi.waitFor(() => expect(server.openConnections).toBe(0), 1_000);
});

test('goes on after its last connection has ended, however often, and while others begin', async () => {
  const server = await httpServer((_request, response) => {
    response.setHeader('connection', 'close');
    response.end('ok');
  });
  const client = lazyClient();
  const fetched = async () => (await client.fetch(server.origin)).text();
  for (let round = 0; round < 5; round++) {
    expect(await Promise.all([fetched(), fetched(), fetched()])).toEqual(['ok', 'ok', 'ok']);
    if (round % 2 === 0) await vi.waitFor(() => expect(server.openConnections).toBe(0), 1_000);
  }
  await client.close();
  await expect(fetched()).rejects.toMatchObject({ code: 'CONNECT_FAILED', delivery: 'not-sent' });
});

test('does not take an answer that is still being read for idleness', async () => {
  let end = () => {};
  const server = await httpServer((request, response) => {
    if (request.url === '/short') {
      response.setHeader('connection', 'close');
      response.end('short');
      return;
    }
    response.write('begun, ');
    end = () => response.end('and ended');
  });
  const client = lazyClient();
  const long = await client.fetch(`${server.origin}/long`);
  expect(await (await client.fetch(`${server.origin}/short`)).text()).toBe('short');
  await vi.waitFor(() => expect(server.openConnections).toBe(1), 1_000);
  end();
  expect(await long.text()).toBe('begun, and ended');
});
