import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js';
import { describe, expect, test, vi } from 'vitest';
import { TimeoutError } from '../../../src/core/errors.js';
import { foreignFetch } from '../../../src/net/foreign-fetch.js';

const url = new URL('http://127.0.0.1:9/mcp');

function failing(thrown: unknown) {
  return foreignFetch(() => Promise.reject(thrown));
}

describe('the fetch', () => {
  test('gets what fetch knows, and nothing else', async () => {
    const response = new Response('x');
    const fetch = vi.fn<FetchLike>(async () => response);
    const { signal } = new AbortController();
    const init = { method: 'POST', headers: { a: 'b' }, body: 'x', signal, redirect: 'manual' } as const;
    expect(await foreignFetch(fetch)(url, { ...init, sent: () => {} })).toBe(response);
    expect(fetch.mock.calls).toStrictEqual([[url, init]]);
  });

  test('gets an empty init where there is none', async () => {
    const fetch = vi.fn<FetchLike>(async () => new Response('x'));
    await foreignFetch(fetch)(url);
    expect(fetch.mock.calls).toStrictEqual([[url, {}]]);
  });
});

describe('sent', () => {
  test('is called before the fetch: what it does with the bytes nobody knows', async () => {
    const order: string[] = [];
    const fetch: FetchLike = async () => {
      order.push('fetch');
      return new Response('x');
    };
    await foreignFetch(fetch)(url, { sent: () => order.push('sent') });
    expect(order).toEqual(['sent', 'fetch']);
  });

  test('is not called when the signal has aborted already, and neither is the fetch', async () => {
    const fetch = vi.fn<FetchLike>(async () => new Response('x'));
    const sent = vi.fn();
    const reason = { why: 'enough' };
    const answer = foreignFetch(fetch)(url, { signal: AbortSignal.abort(reason), sent });
    await expect(answer).rejects.toBe(reason);
    expect(sent).not.toHaveBeenCalled();
    expect(fetch).not.toHaveBeenCalled();
  });
});

describe('a failure', () => {
  test('is told in our terms', async () => {
    const cause = Object.assign(new Error('x'), { code: 'ECONNREFUSED' });
    await expect(failing(new TypeError('fetch failed', { cause }))(url)).rejects.toMatchObject({
      name: 'ConnectionError',
      code: 'CONNECT_FAILED',
      delivery: 'not-sent',
      message: 'Connection refused (ECONNREFUSED): http://127.0.0.1:9',
    });
    await expect(failing(new Error('x'))(url.href)).rejects.toMatchObject({
      code: 'CONNECTION_LOST',
      delivery: 'unknown',
    });
  });

  test('of ours stays as it is', async () => {
    const failure = new TimeoutError(1, 'x');
    await expect(failing(failure)(url)).rejects.toBe(failure);
  });

  test('thrown before there is a promise is told in our terms too', async () => {
    const fetch: FetchLike = () => {
      throw new RangeError('x');
    };
    await expect(foreignFetch(fetch)(url)).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
  });

  test('after an abort is the very reason, whatever the fetch throws', async () => {
    const controller = new AbortController();
    const reason = { why: 'enough' };
    const fetch: FetchLike = () =>
      new Promise((_resolve, reject) => {
        controller.signal.addEventListener('abort', () => reject(new TypeError('fetch failed')));
      });
    const answer = foreignFetch(fetch)(url, { signal: controller.signal });
    controller.abort(reason);
    await expect(answer).rejects.toBe(reason);
  });

  test('of the global fetch is told in our terms', async () => {
    const answer = foreignFetch(fetch)('http://127.0.0.1:1/secret?key=secret');
    await expect(answer).rejects.toMatchObject({ name: 'ConnectionError' });
    await expect(answer).rejects.not.toThrow('secret');
  });
});
