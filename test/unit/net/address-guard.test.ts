import type { LookupAddress } from 'node:dns';
import { createServer, type LookupFunction } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ConnectionError } from '../../../src/core/errors.js';
import { addressGuard, guardedFetch } from '../../../src/net/address-guard.js';
import { createHttpClient } from '../../../src/net/http-client.js';
import { listenOnLoopback } from '../../fixtures/loopback.js';

/** Answers with each list in turn, then with the last one again. */
function scriptedLookup(...answers: string[][]): LookupFunction {
  return (_hostname, _options, callback) => {
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    const addresses = (answer ?? []).map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    callback(null, addresses as LookupAddress[]);
  };
}

async function sink() {
  const server = createServer((socket) => {
    connections++;
    socket.destroy();
  });
  let connections = 0;
  const loopback = await listenOnLoopback(server);
  onTestFinished(loopback.close);
  return {
    port: loopback.port,
    get connections() {
      return connections;
    },
  };
}

function look(lookup: LookupFunction | undefined, all: boolean): Promise<unknown> {
  return new Promise((resolve) => {
    if (lookup === undefined) return resolve('anything');
    lookup('name.example', { all }, (error, found) => resolve(error ?? found));
  });
}

describe('allowed hosts', () => {
  const allowed = (rule: string, url: string) =>
    addressGuard({ allowedHosts: [rule] }).lookupFor(new URL(url)) === undefined;

  test.each([
    ['api.internal', 'http://api.internal/', true],
    ['api.internal', 'https://API.Internal:8443/mcp', true],
    ['api.internal', 'http://x.api.internal/', false],
    ['api.internal:8080', 'http://api.internal:8080/', true],
    ['api.internal:8080', 'http://api.internal/', false],
    ['api.internal:443', 'https://api.internal/', true],
    ['api.internal:443', 'wss://api.internal/', true],
    ['api.internal:80', 'ws://api.internal/', true],
    ['*.internal', 'http://a.b.internal/', true],
    ['*.internal', 'http://internal/', false],
    ['*.internal', 'http://eviltinternal/', false],
    ['bücher.example', 'http://xn--bcher-kva.example/', true],
  ])('%s lets %s in: %s', (rule, url, expected) => expect(allowed(rule, url)).toBe(expected));

  test.each([
    ['127.0.0.1:80', 'http://2130706433/'],
    ['[::1]:8001', 'http://[0:0:0:0:0:0:0:1]:8001/'],
    ['[::1]', 'http://[::1]:9/'],
    ['localhost', 'http://localhost:8001/'],
  ])('%s lets %s in, which is no public address', (rule, url) => expect(allowed(rule, url)).toBe(true));

  test.each([
    ['localhost:8001', 'http://localhost:8002/'],
    ['127.0.0.1', 'http://127.0.0.2/'],
  ])('%s does not let %s in', (rule, url) => expect(() => allowed(rule, url)).toThrow(ConnectionError));
});

describe('a lookup', () => {
  const url = new URL('https://name.example/');
  const answersOf = (...addresses: string[]) =>
    look(addressGuard({ allowedHosts: [], lookup: scriptedLookup(addresses) }).lookupFor(url), true);

  test('passes public addresses on, as one or as all', async () => {
    const guard = addressGuard({ allowedHosts: [], lookup: scriptedLookup(['8.8.8.8', '2606:4700::1']) });
    expect(await look(guard.lookupFor(url), false)).toBe('8.8.8.8');
    expect(await look(guard.lookupFor(url), true)).toEqual([
      { address: '8.8.8.8', family: 4 },
      { address: '2606:4700::1', family: 6 },
    ]);
  });

  test('fails when one of several addresses is not public', async () => {
    expect(await answersOf('8.8.8.8', '10.0.0.1')).toMatchObject({
      code: 'CONNECT_FAILED',
      retryable: false,
    });
  });

  test('fails when there is no address', async () => {
    expect(await answersOf()).toBeInstanceOf(ConnectionError);
  });

  test('that fails stays failed', async () => {
    const failing: LookupFunction = (_hostname, _options, callback) =>
      callback(Object.assign(new Error('no'), { code: 'ENOTFOUND' }), []);
    const guard = addressGuard({ allowedHosts: [], lookup: failing });
    expect(await look(guard.lookupFor(url), true)).toMatchObject({ code: 'ENOTFOUND' });
  });
});

describe('the built-in client', () => {
  test('connects to what is allowed', async () => {
    const target = await sink();
    const client = createHttpClient({
      connectTimeoutMs: 1_000,
      guard: addressGuard({ allowedHosts: [`127.0.0.1:${target.port}`] }),
    });
    onTestFinished(() => client.close());
    await expect(client.fetch(`http://127.0.0.1:${target.port}/`)).rejects.toThrow();
    expect(target.connections).toBe(1);
  });

  test('asks for the address with each connection: public first and private then reaches nobody', async () => {
    const target = await sink();
    // The first answer is in global unicast, but given to nobody.
    const guard = addressGuard({ allowedHosts: [], lookup: scriptedLookup(['2d00::1'], ['127.0.0.1']) });
    const client = createHttpClient({ connectTimeoutMs: 50, guard });
    onTestFinished(() => client.close());
    const url = `http://rebinding.example:${target.port}/`;
    await expect(client.fetch(url)).rejects.toMatchObject({ code: 'CONNECT_FAILED' });
    await expect(client.fetch(url)).rejects.toMatchObject({
      code: 'CONNECT_FAILED',
      delivery: 'not-sent',
      retryable: false,
      message: 'rebinding.example is not a public address, and not an allowed host',
    });
    expect(target.connections).toBe(0);
  });
});

describe("a user's own fetch", () => {
  const answer = async () => new Response('reached');
  const asked = (url: string, ...addresses: string[]) =>
    guardedFetch(
      answer,
      addressGuard({ allowedHosts: ['ok.internal'], lookup: scriptedLookup(addresses) }),
    )(url);

  test('is asked for public and for allowed hosts', async () => {
    expect(await (await asked('https://name.example/', '8.8.8.8')).text()).toBe('reached');
    expect(await (await asked('https://8.8.8.8/')).text()).toBe('reached');
    expect(await (await asked('http://ok.internal/', '10.0.0.1')).text()).toBe('reached');
  });

  test('is not asked for others', async () => {
    await expect(asked('https://name.example/', '10.0.0.1')).rejects.toThrow(ConnectionError);
    await expect(asked('http://[::1]/')).rejects.toThrow(ConnectionError);
    await expect(asked('http://127.0.0.1/')).rejects.toThrow(ConnectionError);
  });

  test('decides itself about names that are not known here', async () => {
    const failing: LookupFunction = (_hostname, _options, callback) => callback(new Error('ENOTFOUND'), []);
    const guard = addressGuard({ allowedHosts: [], lookup: failing });
    expect(await (await guardedFetch(answer, guard)('https://behind-proxy.example/')).text()).toBe('reached');
  });
});
