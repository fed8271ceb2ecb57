import { describe, expect, test } from 'vitest';
import { AuthError, ConnectionError, type McpFleetError } from '../../../../src/core/errors.js';
import { KnownSecrets } from '../../../../src/core/known-secrets.js';
import { TextExit } from '../../../../src/core/text-exit.js';
import { errorOfRefusal, readRefusal } from '../../../../src/session/transports/http-refusal.js';

const PLAIN = new TextExit();

async function refusal(
  status: number,
  { body = '', headers = {}, exit = PLAIN }: { body?: string; headers?: object; exit?: TextExit } = {},
): Promise<McpFleetError> {
  const response = new Response(body, { status, headers: headers as Record<string, string> });
  return errorOfRefusal(await readRefusal(response), exit);
}

describe('a refusal', () => {
  const SCOPE = { 'www-authenticate': 'Bearer error="insufficient_scope", scope="write"' };
  test.each<[number, object, string, 'rejected' | 'unknown', boolean]>([
    [400, {}, 'HTTP_ERROR', 'unknown', false],
    [401, {}, 'UNAUTHORIZED', 'rejected', false],
    [402, {}, 'HTTP_ERROR', 'unknown', false],
    [403, {}, 'FORBIDDEN', 'unknown', false],
    [403, { 'www-authenticate': 'Bearer error="invalid_token"' }, 'FORBIDDEN', 'unknown', false],
    [403, SCOPE, 'FORBIDDEN', 'rejected', false],
    [404, {}, 'HTTP_ERROR', 'unknown', false],
    [405, {}, 'HTTP_ERROR', 'unknown', false],
    [406, {}, 'HTTP_ERROR', 'unknown', false],
    [408, {}, 'HTTP_ERROR', 'unknown', true],
    [409, {}, 'HTTP_ERROR', 'unknown', false],
    [413, {}, 'HTTP_ERROR', 'unknown', false],
    [418, {}, 'HTTP_ERROR', 'unknown', false],
    [421, {}, 'HTTP_ERROR', 'rejected', true],
    [425, {}, 'HTTP_ERROR', 'unknown', true],
    [429, {}, 'RATE_LIMITED', 'rejected', true],
    [500, {}, 'HTTP_ERROR', 'unknown', true],
    [501, {}, 'HTTP_ERROR', 'unknown', true],
    [502, {}, 'HTTP_ERROR', 'unknown', true],
    [503, {}, 'HTTP_ERROR', 'unknown', true],
    [504, {}, 'HTTP_ERROR', 'unknown', true],
    [599, {}, 'HTTP_ERROR', 'unknown', true],
  ])('with %i and %j is %s, %s, retryable: %s', async (status, headers, code, delivery, retryable) => {
    const error = await refusal(status, { headers });
    expect(error).toMatchObject({ code, delivery, retryable });
    expect(error.message).toMatch(new RegExp(`^HTTP ${status}\\b`));
    if (code === 'UNAUTHORIZED' || code === 'FORBIDDEN') expect(error).toBeInstanceOf(AuthError);
    else expect(error).toMatchObject({ httpStatus: status });
    if (code === 'HTTP_ERROR') expect(error).toBeInstanceOf(ConnectionError);
  });

  test.each([
    ['7', 7_000],
    ['0', 0],
    ['soon', undefined],
    ['-1', undefined],
    ['1.5', undefined],
    ['', undefined],
    ['in 1 minute', undefined],
  ])('that says Retry-After: %j asks for %s ms', async (header, expected) => {
    for (const status of [401, 429, 503])
      expect((await refusal(status, { headers: { 'retry-after': header } })).retryAfterMs).toBe(expected);
  });

  test('that says when to come back asks for the time until then', async () => {
    const at = new Date(Date.now() + 60_000).toUTCString();
    const { retryAfterMs } = await refusal(503, { headers: { 'retry-after': at } });
    expect(retryAfterMs).toBeGreaterThan(50_000);
    expect(retryAfterMs).toBeLessThanOrEqual(60_000);
    const past = await refusal(503, { headers: { 'retry-after': 'Wed, 21 Oct 2015 07:28:00 GMT' } });
    expect(past.retryAfterMs).toBe(0);
  });

  test.each([
    ['plain text', 'over  \n quota ', 'HTTP 500: over quota'],
    ['nothing', '', 'HTTP 500'],
    ['blanks', ' \n ', 'HTTP 500'],
    ['HTML', '<!doctype html><title>Oops</title>', 'HTTP 500'],
    ['HTML after blanks', '\n\n <html></html>', 'HTTP 500'],
    ['a JSON-RPC error', '{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"no"}}', 'HTTP 500: no'],
    ['an OAuth error', '{"error":"invalid","error_description":"bad client"}', 'HTTP 500: bad client'],
    ['an OAuth error without a description', '{"error":"invalid"}', 'HTTP 500: invalid'],
    ['a problem document', '{"title":"T","detail":"D"}', 'HTTP 500: D'],
    ['a message', '{"message":"M"}', 'HTTP 500: M'],
    ['other JSON', '{"a":1}', 'HTTP 500: {"a":1}'],
    ['JSON that is null', 'null', 'HTTP 500: null'],
    ['HTML inside of JSON', '{"message":"<b>no</b>"}', 'HTTP 500'],
  ])('whose body is %s is told so', async (_what, body, expected) => {
    expect((await refusal(500, { body })).message).toBe(expected);
  });

  test('is cut after 500 characters, and no more than 16 KB are read', async () => {
    expect((await refusal(500, { body: 'x'.repeat(600) })).message).toBe(`HTTP 500: ${'x'.repeat(500)}…`);
    let pulled = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled += 1_024;
        controller.enqueue(new Uint8Array(1_024).fill(120));
      },
    });
    const { body: read, isWhole } = await readRefusal(new Response(body, { status: 500 }));
    expect([read.length, isWhole]).toEqual([16_384, false]);
    expect(pulled).toBeLessThan(30_000);
  });

  test('whose body breaks off tells what has come', async () => {
    let sent = false;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (sent) controller.error(new Error('reset'));
        else controller.enqueue(new TextEncoder().encode('so far'));
        sent = true;
      },
    });
    const error = errorOfRefusal(await readRefusal(new Response(body, { status: 502 })), PLAIN);
    expect(error.message).toBe('HTTP 502: so far');
  });

  test('is stripped of secrets before it is cut', async () => {
    const secrets = new KnownSecrets();
    secrets.add('canary-of-the-mine');
    const exit = new TextExit(secrets);
    const { message } = await refusal(500, { body: `${'x'.repeat(490)} canary-of-the-mine`, exit });
    expect(message).toBe(`HTTP 500: ${'x'.repeat(490)} [redacted…`);
    const json = JSON.stringify({ message: 'the canary-of-the-mine sings' });
    expect((await refusal(500, { body: json, exit })).message).toBe('HTTP 500: the [redacted] sings');
    for (const at of [16_370, 16_380, 16_383]) {
      const cut = await refusal(500, { body: `${' '.repeat(at)}canary-of-the-mine`, exit });
      expect(cut.message).toBe('HTTP 500');
    }
  });
});
