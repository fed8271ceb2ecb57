import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { ConnectionError } from '../../../src/core/errors.js';
import { failureOfForeignBody, failureOfForeignFetch, failureOfRequest } from '../../../src/net/failures.js';

const url = new URL('https://user:secret@example.com:8443/secret?key=secret');
const place = 'https://example.com:8443';

/** Codes after which no byte can have left. */
const notSent: [string, string][] = [
  ['ECONNREFUSED', 'Connection refused'],
  ['ENOTFOUND', 'Host name not found'],
  ['EAI_AGAIN', 'Host name lookup failed'],
  ['EHOSTUNREACH', 'Host unreachable'],
  ['ENETUNREACH', 'Network unreachable'],
  ['EADDRNOTAVAIL', 'No local address available'],
  ['EMFILE', 'Too many open files in this process'],
  ['ENFILE', 'Too many open files on this machine'],
  ['UND_ERR_CONNECT_TIMEOUT', 'Connecting took too long'],
];
const certificate = [
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'ERR_TLS_CERT_ALTNAME_INVALID',
];
/** Codes that tell nothing of bytes. */
const open = [
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'UND_ERR_SOCKET',
  'UND_ERR_BODY_TIMEOUT',
  'HPE_INVALID_CONSTANT',
];

function withCode(code: string): Error {
  return Object.assign(new Error('secret text'), { code });
}

/** As the global fetch of Node throws it. */
function fetchFailed(cause: unknown): TypeError {
  return new TypeError('fetch failed', { cause });
}

describe('of the built-in client', () => {
  test.each(notSent)('%s before writing is CONNECT_FAILED, not-sent, retryable', (code, reason) => {
    const cause = withCode(code);
    const failure = failureOfRequest(cause, false, url);
    expect(failure).toBeInstanceOf(ConnectionError);
    expect(failure).toMatchObject({
      code: 'CONNECT_FAILED',
      delivery: 'not-sent',
      retryable: true,
      message: `${reason} (${code}): ${place}`,
    });
    expect(failure.cause).toMatchObject({ code });
    expect(inspect(failure.cause)).not.toContain('secret text');
  });

  test.each(certificate)('%s before writing is CONNECT_FAILED, not-sent, not retryable', (code) => {
    expect(failureOfRequest(withCode(code), false, url)).toMatchObject({
      code: 'CONNECT_FAILED',
      delivery: 'not-sent',
      retryable: false,
      message: `Certificate not accepted (${code}): ${place}`,
    });
  });

  test.each(open)(
    '%s before writing is CONNECT_FAILED, not-sent too: what counts is what was written',
    (code) => {
      expect(failureOfRequest(withCode(code), false, url)).toMatchObject({
        code: 'CONNECT_FAILED',
        delivery: 'not-sent',
        retryable: true,
        message: `Connecting failed (${code}): ${place}`,
      });
    },
  );

  test.each([...open, ...certificate, ...notSent.map(([code]) => code)])(
    '%s after writing is CONNECTION_LOST, unknown, retryable',
    (code) => {
      const cause = withCode(code);
      const failure = failureOfRequest(cause, true, url);
      expect(failure).toMatchObject({
        code: 'CONNECTION_LOST',
        delivery: 'unknown',
        retryable: true,
        message: `Connection lost (${code}): ${place}`,
      });
      expect(failure.cause).toMatchObject({ code });
    },
  );

  test('with several addresses tried has the code of the first', () => {
    const parts = [withCode('ECONNREFUSED'), withCode('ENETUNREACH')];
    expect(failureOfRequest(new AggregateError(parts), false, url).message).toBe(
      `Connection refused (ECONNREFUSED): ${place}`,
    );
    expect(failureOfRequest(new AggregateError([]), false, url).message).toBe(
      `Connecting failed (AggregateError): ${place}`,
    );
  });

  test.each([
    ['the name', new RangeError('secret text'), 'RangeError'],
    ['the name where the code is no text', Object.assign(new Error('secret text'), { code: 7 }), 'Error'],
  ])('without a code is told by %s', (_what, error, told) => {
    expect(failureOfRequest(error, false, url).message).toBe(`Connecting failed (${told}): ${place}`);
  });

  test('shows nothing of the URL but its origin, and nothing of the foreign text', () => {
    for (const written of [true, false]) {
      const failure = failureOfRequest(withCode('ECONNRESET'), written, url);
      expect(failure.message).not.toContain('secret');
      expect(JSON.stringify(failure)).not.toContain('secret');
    }
  });
});

test('of the parser is kept without the bytes of the answer', () => {
  const cause = Object.assign(withCode('HPE_INVALID_HEADER_TOKEN'), { data: 'HTTP/1.1 200 canary' });
  const failure = failureOfRequest(cause, true, url);
  expect(failure.cause).toMatchObject({ code: 'HPE_INVALID_HEADER_TOKEN' });
  expect(inspect(failure, { depth: 9, showHidden: true })).not.toContain('canary');
});

describe('of a foreign fetch', () => {
  test.each(notSent)('%s is CONNECT_FAILED, not-sent', (code, reason) => {
    const expected = {
      code: 'CONNECT_FAILED',
      delivery: 'not-sent',
      retryable: true,
      message: `${reason} (${code}): ${place}`,
    };
    expect(failureOfForeignFetch(fetchFailed(withCode(code)), url)).toMatchObject(expected);
    expect(failureOfForeignFetch(withCode(code), url)).toMatchObject(expected);
  });

  test.each(certificate)('%s is CONNECT_FAILED, not-sent, not retryable', (code) => {
    expect(failureOfForeignFetch(fetchFailed(withCode(code)), url)).toMatchObject({
      code: 'CONNECT_FAILED',
      delivery: 'not-sent',
      retryable: false,
    });
  });

  test.each(open)('%s tells nothing of bytes: CONNECTION_LOST, unknown', (code) => {
    expect(failureOfForeignFetch(fetchFailed(withCode(code)), url)).toMatchObject({
      code: 'CONNECTION_LOST',
      delivery: 'unknown',
      retryable: true,
      message: `Connection lost (${code}): ${place}`,
    });
  });

  test.each<[string, unknown, string]>([
    ['an error without a code', new TypeError('secret text'), 'TypeError'],
    ['an error around one without a code', fetchFailed(new RangeError('secret text')), 'RangeError'],
    ['an error around something else', fetchFailed('secret text'), 'TypeError'],
    ['a text', 'secret text', 'unknown'],
    ['nothing', undefined, 'unknown'],
    ['null', null, 'unknown'],
    ['an object with a code', { code: 'EPIPE' }, 'EPIPE'],
  ])('for %s it is CONNECTION_LOST, unknown', (_what, thrown, told) => {
    const failure = failureOfForeignFetch(thrown, url);
    expect(failure).toMatchObject({
      code: 'CONNECTION_LOST',
      delivery: 'unknown',
      message: `Connection lost (${told}): ${place}`,
    });
    expect(JSON.stringify(failure)).not.toContain('secret');
  });

  test('with several addresses tried has the code of the first', () => {
    const parts = [withCode('ECONNREFUSED'), withCode('ENETUNREACH')];
    const expected = { code: 'CONNECT_FAILED', delivery: 'not-sent' };
    expect(failureOfForeignFetch(fetchFailed(new AggregateError(parts)), url)).toMatchObject(expected);
    expect(failureOfForeignFetch(new AggregateError(parts), url)).toMatchObject(expected);
  });

  test('keeps class, code and stack of what was thrown, and nothing that may hold the request', () => {
    const thrown = Object.assign(fetchFailed(withCode('ECONNRESET')), { config: 'Bearer canary' });
    thrown.message = 'canary';
    const failure = failureOfForeignFetch(thrown, url);
    expect(failure.cause).toMatchObject({ name: 'TypeError', code: 'ECONNRESET' });
    expect(inspect(failure, { depth: 9, showHidden: true })).not.toContain('canary');
    expect(inspect(failureOfForeignFetch(fetchFailed(1), url), { depth: 9 })).toContain('failures.test.ts');
  });
});

describe('of the body of a foreign fetch', () => {
  test.each<[string, Error, string]>([
    [
      'as the global fetch throws it',
      new TypeError('terminated', { cause: withCode('UND_ERR_SOCKET') }),
      'UND_ERR_SOCKET',
    ],
    ['with a code', withCode('ECONNRESET'), 'ECONNRESET'],
    ['with a code that elsewhere means not-sent', withCode('ECONNREFUSED'), 'ECONNREFUSED'],
    ['without a code', new RangeError('secret text'), 'RangeError'],
  ])('%s is CONNECTION_LOST, unknown: the answer had begun', (_how, thrown, told) => {
    const failure = failureOfForeignBody(thrown) as ConnectionError;
    expect(failure).toMatchObject({
      name: 'ConnectionError',
      code: 'CONNECTION_LOST',
      delivery: 'unknown',
      retryable: true,
      message: `Connection lost (${told}): within the answer`,
    });
    expect(failure.cause).toMatchObject({ name: thrown.name });
    expect(inspect(failure)).not.toContain('secret text');
  });

  test.each<[string, unknown]>([
    ['an abort', new DOMException('x', 'AbortError')],
    ["a caller's reason", { why: 'enough' }],
    ['an error of ours', new ConnectionError('RESPONSE_TOO_LARGE', 'x')],
  ])('leaves %s as it is', (_what, thrown) => {
    expect(failureOfForeignBody(thrown)).toBe(thrown);
  });
});
