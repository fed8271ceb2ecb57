import { getEventListeners } from 'node:events';
import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { ConnectionError } from '../../../src/core/errors.js';
import { blackHole, closedPort, httpClient, httpServer, rawServer, tcpServer } from './servers.js';

/** What is at once may take this long on a busy machine. */
const AT_ONCE_MS = 1_000;

const reason = { why: 'enough' };

function listenersOf(signal: AbortSignal): number {
  return getEventListeners(signal, 'abort').length;
}

/** After an answer, undici gives the event loop a turn before it uses the socket again. */
async function turn(): Promise<void> {
  await setImmediate();
  await setImmediate();
}

async function settledAtOnce(promise: Promise<unknown>): Promise<unknown> {
  const startedAt = performance.now();
  const outcome = await promise.then(
    () => 'resolved',
    (error: unknown) => error,
  );
  expect(performance.now() - startedAt).toBeLessThan(AT_ONCE_MS);
  return outcome;
}

async function failureOf(promise: Promise<unknown>): Promise<ConnectionError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ConnectionError);
  return error as ConnectionError;
}

describe('a request', () => {
  test('arrives as it was given', async () => {
    const server = await httpServer((_request, response) => response.end());
    await httpClient().fetch(`${server.origin}/mcp/a%20b?x=1&y=%2F#fragment`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-key': 'k' },
      body: '{"text":"é😀"}',
    });
    expect(server.requests).toEqual([
      {
        method: 'POST',
        url: '/mcp/a%20b?x=1&y=%2F',
        body: '{"text":"é😀"}',
        headers: expect.objectContaining({
          host: server.host,
          'content-type': 'application/json',
          'content-length': '17',
          'x-key': 'k',
        }),
      },
    ]);
  });

  test('is a GET without a body where nothing is said', async () => {
    const server = await httpServer((_request, response) => response.end());
    await httpClient().fetch(new URL(server.origin));
    expect(server.requests).toMatchObject([{ method: 'GET', url: '/', body: '' }]);
    expect(server.requests[0]?.headers).not.toHaveProperty('content-length');
  });

  test.each<[string, NonNullable<RequestInit['headers']>]>([
    ['an object', { 'x-a': '1', 'x-b': '2' }],
    ['Headers', new Headers({ 'x-a': '1', 'x-b': '2' })],
    ['pairs', [['x-a', '1'] as [string, string], ['x-b', '2'] as [string, string]]],
  ])('takes headers as %s', async (_form, headers) => {
    const server = await httpServer((_request, response) => response.end());
    await httpClient().fetch(server.origin, { headers });
    expect(server.requests[0]?.headers).toMatchObject({ 'x-a': '1', 'x-b': '2' });
  });

  test('takes a body of URLSearchParams', async () => {
    const server = await httpServer((_request, response) => response.end());
    await httpClient().fetch(server.origin, { method: 'POST', body: new URLSearchParams({ a: 'b c' }) });
    expect(server.requests[0]?.body).toBe('a=b+c');
  });

  test('with a body of another kind is refused, and leaves no listener behind', async () => {
    const server = await httpServer((_request, response) => response.end());
    const { signal } = new AbortController();
    const body = new Blob(['x']);
    await expect(httpClient().fetch(server.origin, { method: 'POST', body, signal })).rejects.toThrow(
      new TypeError('The body must be a string or URLSearchParams'),
    );
    expect(server.connections).toBe(0);
    expect(listenersOf(signal)).toBe(0);
  });

  test('follows no redirect', async () => {
    const server = await httpServer((_request, response) => {
      response.writeHead(307, { location: '/elsewhere' }).end();
    });
    const response = await httpClient().fetch(server.origin);
    expect(response.status).toBe(307);
    expect(response.headers.get('location')).toBe('/elsewhere');
    expect(server.requests).toHaveLength(1);
  });
});

describe('an answer', () => {
  test('is JSON', async () => {
    const server = await httpServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end('{"jsonrpc":"2.0","text":"é😀"}');
    });
    const response = await httpClient().fetch(server.origin);
    expect(response.ok).toBe(true);
    expect(await response.json()).toEqual({ jsonrpc: '2.0', text: 'é😀' });
  });

  test('has status, text of the status, URL and headers, whatever their case', async () => {
    const server = await httpServer((_request, response) => {
      response.writeHead(404, 'Nothing Here', { 'X-Key': 'k', 'Set-Cookie': ['a=1', 'b=2'] });
      response.end();
    });
    const response = await httpClient().fetch(`${server.origin}/path?x=1`);
    expect(response).toMatchObject({
      status: 404,
      statusText: 'Nothing Here',
      ok: false,
      url: `${server.origin}/path?x=1`,
    });
    expect(response.headers.get('x-key')).toBe('k');
    expect(response.headers.get('X-KEY')).toBe('k');
    expect(response.headers.get('set-cookie')).toBe('a=1, b=2');
    expect(response.headers.get('x-other')).toBeNull();
    expect(response.headers.has('X-Key')).toBe(true);
    expect(response.headers.has('x-other')).toBe(false);
  });

  test.each([
    [199, undefined],
    [200, true],
    [204, true],
    [299, true],
    [300, false],
    [401, false],
    [500, false],
  ])('with status %i is ok: %s', async (status, ok) => {
    const server = await rawServer(
      `HTTP/1.1 ${status} Text\r\ncontent-length: 0\r\n\r\n`,
      status < 200 ? 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n' : '',
    );
    const response = await httpClient().fetch(server.origin);
    expect(response.ok).toBe(ok ?? true);
    expect(response.status).toBe(ok === undefined ? 200 : status);
  });

  test('comes as soon as its headers are there', async () => {
    const server = await rawServer('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhal');
    const response = await httpClient().fetch(server.origin);
    expect(response.status).toBe(200);
  });

  test('may end with the connection', async () => {
    const server = await tcpServer((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nto the end'));
    });
    expect(await (await httpClient().fetch(server.origin)).text()).toBe('to the end');
  });
});

describe('connections', () => {
  test('are used again: requests one after the other share one', async () => {
    const server = await httpServer((_request, response) => response.end('ok'));
    const client = httpClient();
    for (let i = 0; i < 20; i++) {
      await (await client.fetch(server.origin, { method: 'POST', body: 'x' })).text();
      await turn();
    }
    expect(server.requests).toHaveLength(20);
    expect(server.connections).toBe(1);
  });

  test('are used again at once too, but undici lets a socket rest for a turn of the event loop', async () => {
    const server = await httpServer((_request, response) => response.end('ok'));
    const client = httpClient();
    for (let i = 0; i < 20; i++) await (await client.fetch(server.origin)).text();
    expect(server.requests).toHaveLength(20);
    expect(server.connections).toBeLessThanOrEqual(2);
  });

  test('are used again after an answer that is an error', async () => {
    const server = await httpServer((_request, response) => response.writeHead(500).end('broken'));
    const client = httpClient();
    for (let i = 0; i < 5; i++) {
      await (await client.fetch(server.origin)).text();
      await turn();
    }
    expect(server.connections).toBe(1);
  });

  test('are as many as there are requests at the same time', async () => {
    let waiting: (() => void)[] = [];
    const server = await httpServer((_request, response) => {
      waiting.push(() => response.end());
      if (waiting.length < 8) return;
      for (const go of waiting) go();
      waiting = [];
    });
    const client = httpClient();
    const responses = await Promise.all(Array.from({ length: 8 }, () => client.fetch(server.origin)));
    expect(responses).toHaveLength(8);
    expect(server.connections).toBe(8);
  });

  test('are shared with no other client', async () => {
    const server = await httpServer((_request, response) => response.end('ok'));
    await (await httpClient().fetch(server.origin)).text();
    await (await httpClient().fetch(server.origin)).text();
    expect(server.connections).toBe(2);
  });
});

describe('a failure before anything was sent', () => {
  test('refused: CONNECT_FAILED, not-sent, retryable', async () => {
    const port = await closedPort();
    const sent = vi.fn();
    const failure = await failureOf(httpClient().fetch(`http://127.0.0.1:${port}/secret?key=k`, { sent }));
    expect(failure).toMatchObject({
      code: 'CONNECT_FAILED',
      delivery: 'not-sent',
      retryable: true,
      message: `Connection refused (ECONNREFUSED): http://127.0.0.1:${port}`,
      cause: { code: 'ECONNREFUSED' },
    });
    expect(sent).not.toHaveBeenCalled();
  });

  test('a name that does not exist: CONNECT_FAILED, not-sent', { timeout: 30_000 }, async () => {
    const sent = vi.fn();
    const failure = await failureOf(httpClient().fetch('http://no-such-host.invalid/', { sent }));
    expect(failure).toMatchObject({ code: 'CONNECT_FAILED', delivery: 'not-sent', retryable: true });
    expect(failure.message).toMatch(/^Host name (not found|lookup failed) \((ENOTFOUND|EAI_AGAIN)\)/);
    expect(sent).not.toHaveBeenCalled();
  });

  test('connecting takes too long: CONNECT_FAILED, not-sent', { timeout: 30_000 }, async () => {
    const hole = await blackHole();
    const sent = vi.fn();
    const startedAt = performance.now();
    const failure = await failureOf(httpClient(500).fetch(hole.origin, { sent }));
    expect(performance.now() - startedAt).toBeLessThan(500 + 5_000);
    expect(failure).toMatchObject({
      code: 'CONNECT_FAILED',
      delivery: 'not-sent',
      retryable: true,
      message: `Connecting took too long (UND_ERR_CONNECT_TIMEOUT): ${hole.origin}`,
    });
    expect(sent).not.toHaveBeenCalled();
  });

  test('a header that cannot be sent: not-sent, and the value is told to nobody', async () => {
    const server = await httpServer((_request, response) => response.end());
    const failure = await failureOf(
      httpClient().fetch(server.origin, { headers: { authorization: 'Bearer canary\r\nx: y' } }),
    );
    expect(failure).toMatchObject({ code: 'CONNECT_FAILED', delivery: 'not-sent' });
    expect(`${failure.message} ${String(failure.cause)}`).not.toContain('canary');
    expect(server.connections).toBe(0);
  });
});

describe('a failure after something was sent', () => {
  test('closed without an answer: CONNECTION_LOST, unknown, retryable', async () => {
    const server = await tcpServer((socket) => socket.once('data', () => socket.end()));
    const failure = await failureOf(
      httpClient().fetch(`${server.origin}/secret?key=k`, { method: 'POST', body: 'x' }),
    );
    expect(failure).toMatchObject({
      code: 'CONNECTION_LOST',
      delivery: 'unknown',
      retryable: true,
      message: `Connection lost (UND_ERR_SOCKET): ${server.origin}`,
    });
    expect(failure.cause).toBeInstanceOf(Error);
  });

  test('reset without an answer: CONNECTION_LOST, unknown', async () => {
    const server = await tcpServer((socket) => socket.once('data', () => socket.resetAndDestroy()));
    const failure = await failureOf(httpClient().fetch(server.origin, { method: 'POST', body: 'x' }));
    expect(failure).toMatchObject({ code: 'CONNECTION_LOST', delivery: 'unknown' });
  });

  test('an answer that is not HTTP: CONNECTION_LOST, unknown', async () => {
    const server = await rawServer('SSH-2.0-OpenSSH_9.6\r\n');
    const failure = await failureOf(httpClient().fetch(server.origin));
    expect(failure).toMatchObject({ code: 'CONNECTION_LOST', delivery: 'unknown' });
  });

  test.each([
    ['of known length', 'content-length: 100\r\n\r\nhalf'],
    ['in chunks', 'transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n'],
  ])('closed within a body %s: the body rejects as CONNECTION_LOST, unknown', async (_how, rest) => {
    const server = await tcpServer((socket) => {
      socket.once('data', () => socket.end(`HTTP/1.1 200 OK\r\n${rest}`));
    });
    const response = await httpClient().fetch(server.origin);
    expect(await failureOf(response.text())).toMatchObject({ code: 'CONNECTION_LOST', delivery: 'unknown' });
  });

  test('is never answered by sending the request again', async () => {
    const server = await tcpServer((socket) => socket.once('data', () => socket.destroy()));
    const client = httpClient();
    for (const method of ['GET', 'POST']) await failureOf(client.fetch(server.origin, { method }));
    await delay(100);
    expect(server.connections).toBe(2);
  });
});

describe('sent', () => {
  test('is called once, before the server has answered', async () => {
    const order: string[] = [];
    const server = await httpServer((_request, response) => {
      order.push('answered');
      response.end();
    });
    const client = httpClient();
    await client.fetch(server.origin, { method: 'POST', body: 'x', sent: () => order.push('sent') });
    expect(order).toEqual(['sent', 'answered']);
  });

  test('is called for each request on a connection that is used again', async () => {
    const server = await httpServer((_request, response) => response.end());
    const client = httpClient();
    const sent = vi.fn();
    for (let i = 1; i <= 3; i++) {
      await (await client.fetch(server.origin, { sent })).text();
      expect(sent).toHaveBeenCalledTimes(i);
      await turn();
    }
    expect(server.connections).toBe(1);
  });

  test('is called when the server closes without an answer', async () => {
    const server = await tcpServer((socket) => socket.once('data', () => socket.destroy()));
    const sent = vi.fn();
    await failureOf(httpClient().fetch(server.origin, { sent }));
    expect(sent).toHaveBeenCalledOnce();
  });

  test('is not called for a request that was aborted before a connection was there', async () => {
    const server = await httpServer((_request, response) => response.end());
    const controller = new AbortController();
    const sent = vi.fn();
    const answer = httpClient().fetch(server.origin, { signal: controller.signal, sent });
    controller.abort(reason);
    await expect(answer).rejects.toBe(reason);
    await vi.waitFor(() => expect(server.openConnections).toBe(0), 5_000);
    await delay(50);
    expect(sent).not.toHaveBeenCalled();
    expect(server.requests).toEqual([]);
  });
});

describe('an abort', () => {
  test('before the request rejects with the very reason, and nothing is opened', async () => {
    const server = await httpServer((_request, response) => response.end());
    const sent = vi.fn();
    const answer = httpClient().fetch(server.origin, { signal: AbortSignal.abort(reason), sent });
    await expect(answer).rejects.toBe(reason);
    await delay(50);
    expect(server.connections).toBe(0);
    expect(sent).not.toHaveBeenCalled();
  });

  test('while connecting rejects at once with the very reason', { timeout: 30_000 }, async () => {
    const hole = await blackHole();
    const controller = new AbortController();
    const sent = vi.fn();
    const answer = httpClient(3_000).fetch(hole.origin, { signal: controller.signal, sent });
    answer.catch(() => {});
    await delay(100);
    controller.abort(reason);
    expect(await settledAtOnce(answer)).toBe(reason);
    expect(listenersOf(controller.signal)).toBe(0);
    expect(sent).not.toHaveBeenCalled();
  });

  test('while waiting for the answer rejects at once with the very reason, and the server sees the socket close', async () => {
    const server = await rawServer();
    const controller = new AbortController();
    const sent = vi.fn();
    const answer = httpClient().fetch(server.origin, { signal: controller.signal, sent });
    answer.catch(() => {});
    await vi.waitFor(() => expect(sent).toHaveBeenCalled(), 5_000);
    await vi.waitFor(() => expect(server.openConnections).toBe(1), 5_000);
    controller.abort(reason);
    expect(await settledAtOnce(answer)).toBe(reason);
    await vi.waitFor(() => expect(server.openConnections).toBe(0), AT_ONCE_MS);
    expect(listenersOf(controller.signal)).toBe(0);
  });

  test.each(['identity', 'gzip'])(
    'while a body (%s) streams rejects at once with the very reason, and the server sees the socket close',
    async (encoding) => {
      const server = await rawServer(
        `HTTP/1.1 200 OK\r\ncontent-encoding: ${encoding}\r\ntransfer-encoding: chunked\r\n\r\n`,
      );
      const controller = new AbortController();
      const response = await httpClient().fetch(server.origin, { signal: controller.signal });
      const text = response.text();
      text.catch(() => {});
      controller.abort(reason);
      expect(await settledAtOnce(text)).toBe(reason);
      await vi.waitFor(() => expect(server.openConnections).toBe(0), AT_ONCE_MS);
      expect(listenersOf(controller.signal)).toBe(0);
    },
  );

  test('before anybody reads the body makes reading reject with the very reason', async () => {
    const server = await rawServer('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhal');
    const controller = new AbortController();
    const response = await httpClient().fetch(server.origin, { signal: controller.signal });
    controller.abort(reason);
    await expect(response.text()).rejects.toBe(reason);
    await vi.waitFor(() => expect(server.openConnections).toBe(0), AT_ONCE_MS);
  });

  test('after the end changes nothing', async () => {
    const server = await httpServer((_request, response) => response.end('ok'));
    const controller = new AbortController();
    const response = await httpClient().fetch(server.origin, { signal: controller.signal });
    expect(await response.text()).toBe('ok');
    controller.abort(reason);
    await delay(50);
    expect(server.openConnections).toBe(1);
  });

  test('of one request leaves the others alone', async () => {
    const server = await httpServer((request, response) => {
      if (request.url === '/fast') response.end('ok');
    });
    const client = httpClient();
    const controller = new AbortController();
    const slow = client.fetch(`${server.origin}/slow`, { signal: controller.signal });
    slow.catch(() => {});
    const fast = client.fetch(`${server.origin}/fast`);
    await vi.waitFor(() => expect(server.requests).toHaveLength(2), 5_000);
    controller.abort(reason);
    await expect(slow).rejects.toBe(reason);
    expect(await (await fast).text()).toBe('ok');
    expect(await (await client.fetch(`${server.origin}/fast`)).text()).toBe('ok');
  });
});

describe("the caller's signal", () => {
  test('keeps no listener of a request that has ended', async () => {
    const server = await httpServer((_request, response) => response.end('ok'));
    const { signal } = new AbortController();
    const client = httpClient();
    const response = await client.fetch(server.origin, { signal });
    await response.text();
    expect(listenersOf(signal)).toBe(0);
  });

  test('keeps no listener of a request that has failed', async () => {
    const { signal } = new AbortController();
    await failureOf(httpClient().fetch(`http://127.0.0.1:${await closedPort()}`, { signal }));
    expect(listenersOf(signal)).toBe(0);
  });
});

describe('close', () => {
  test('breaks what is open: answers under way, bodies, and idle connections', async () => {
    const server = await httpServer((request, response) => {
      if (request.url === '/idle') response.end('ok');
      if (request.url === '/body') response.writeHead(200).write('begin');
    });
    const client = httpClient();
    await (await client.fetch(`${server.origin}/idle`)).text();
    const body = (await client.fetch(`${server.origin}/body`)).text();
    const waiting = client.fetch(`${server.origin}/waiting`, { method: 'POST', body: 'x' });
    const failures = Promise.all([failureOf(body), failureOf(waiting)]);
    await vi.waitFor(() => expect(server.requests).toHaveLength(3), 5_000);
    await client.close();
    for (const failure of await failures) {
      expect(failure).toMatchObject({ code: 'CONNECTION_LOST', delivery: 'unknown' });
    }
    await vi.waitFor(() => expect(server.openConnections).toBe(0), AT_ONCE_MS);
  });

  test('refuses what comes later, as not-sent', async () => {
    const server = await httpServer((_request, response) => response.end('ok'));
    const client = httpClient();
    await client.close();
    const sent = vi.fn();
    expect(await failureOf(client.fetch(server.origin, { sent }))).toMatchObject({
      code: 'CONNECT_FAILED',
      delivery: 'not-sent',
    });
    expect(sent).not.toHaveBeenCalled();
    expect(server.connections).toBe(0);
  });

  test('ends requests that are still connecting, as not-sent', { timeout: 30_000 }, async () => {
    const hole = await blackHole();
    const client = httpClient(3_000);
    const failure = failureOf(client.fetch(hole.origin));
    await delay(100);
    await client.close();
    expect(await failure).toMatchObject({ code: 'CONNECT_FAILED', delivery: 'not-sent' });
  });

  test('may be called twice, and before anything was opened', async () => {
    const client = httpClient();
    await Promise.all([client.close(), client.close()]);
    await client.close();
  });
});
