import {
  AuthError,
  CircuitOpenError,
  ConfigError,
  ConnectionError,
  McpFleetError,
  OutcomeUnknownError,
  RemoteError,
  TimeoutError,
  UnknownServerError,
  UnknownToolError,
} from 'mcp-fleet';
import { describe, expect, test } from 'vitest';
import { ERROR_CODES } from '../../../src/core/errors.js';
import { problemOf, problemResponse } from '../../../src/rest/problem.js';

const ERRORS = [
  new ConfigError('servers.a.url', 'expected a URL'),
  new UnknownServerError('No server'),
  new UnknownToolError('t', 'No tool'),
  new McpFleetError('UNSUPPORTED', 'No prompts', { delivery: 'not-sent' }),
  new McpFleetError('CLOSED', 'Closed', { delivery: 'not-sent' }),
  new McpFleetError('ABORTED', 'Aborted'),
  new McpFleetError('QUEUE_FULL', 'Full', { delivery: 'not-sent' }),
  new CircuitOpenError('Open', { retryAfterMs: 4_200 }),
  new ConnectionError('CONNECT_FAILED', 'Refused', { delivery: 'not-sent', retryable: true }),
  new ConnectionError('CONNECTION_LOST', 'Lost', { delivery: 'unknown' }),
  new OutcomeUnknownError('Who knows'),
  new TimeoutError(10, 'Late', { delivery: 'unknown' }),
  new ConnectionError('HTTP_ERROR', 'HTTP 500', { httpStatus: 500 }),
  new ConnectionError('RATE_LIMITED', 'HTTP 429', { retryAfterMs: 30_000 }),
  new ConnectionError('PROTOCOL_ERROR', 'Not MCP'),
  new ConnectionError('RESPONSE_TOO_LARGE', 'Large'),
  new AuthError('TOKEN_FAILED', 'No token'),
  new AuthError('UNAUTHORIZED', 'Refused'),
  new AuthError('FORBIDDEN', 'Refused'),
  new RemoteError(-32_603, 'Internal', undefined),
];

test('every code has its answer', () => {
  expect(ERRORS.map(({ code }) => code)).toEqual([...ERROR_CODES]);
  const lines = ERRORS.map((error) => {
    const { status, title, code, delivery = '-', retry_after_ms: ms = '-' } = problemOf(error);
    const retryAfter = problemResponse(error).headers.get('retry-after') ?? '-';
    return [status, title, code, delivery, ms, retryAfter].join(' · ');
  });
  expect(lines).toMatchInlineSnapshot(`
    [
      "400 · Bad Request · INVALID_CONFIG · - · - · -",
      "404 · Not Found · UNKNOWN_SERVER · not-sent · - · -",
      "404 · Not Found · UNKNOWN_TOOL · not-sent · - · -",
      "400 · Bad Request · UNSUPPORTED · not-sent · - · -",
      "503 · Service Unavailable · CLOSED · not-sent · - · 1",
      "502 · Bad Gateway · ABORTED · - · - · -",
      "429 · Too Many Requests · QUEUE_FULL · not-sent · - · 1",
      "503 · Service Unavailable · CIRCUIT_OPEN · not-sent · 4200 · 5",
      "503 · Service Unavailable · CONNECT_FAILED · not-sent · - · 1",
      "502 · Bad Gateway · CONNECTION_LOST · unknown · - · -",
      "502 · Bad Gateway · OUTCOME_UNKNOWN · unknown · - · -",
      "504 · Gateway Timeout · TIMEOUT · unknown · - · -",
      "502 · Bad Gateway · HTTP_ERROR · - · - · -",
      "429 · Too Many Requests · RATE_LIMITED · - · 30000 · 30",
      "502 · Bad Gateway · PROTOCOL_ERROR · - · - · -",
      "502 · Bad Gateway · RESPONSE_TOO_LARGE · - · - · -",
      "502 · Bad Gateway · TOKEN_FAILED · not-sent · - · -",
      "502 · Bad Gateway · UNAUTHORIZED · rejected · - · -",
      "502 · Bad Gateway · FORBIDDEN · rejected · - · -",
      "502 · Bad Gateway · REMOTE_ERROR · answered · - · -",
    ]
  `);
});

test("a remote error that is the caller's fault is told as that", () => {
  expect(problemOf(new RemoteError(-32_602, 'Invalid params', undefined)).status).toBe(400);
  expect(problemOf(new RemoteError(-32_002, 'Resource not found', undefined)).status).toBe(404);
});

describe('a problem', () => {
  test('holds what is known, and nothing else', async () => {
    const cause = new Error('a-secret');
    const response = problemResponse(
      new ConnectionError('CONNECT_FAILED', 'Refused', { server: 'math', delivery: 'not-sent', cause }),
    );
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(await response.json()).toEqual({
      type: 'about:blank',
      title: 'Service Unavailable',
      status: 503,
      code: 'CONNECT_FAILED',
      detail: 'Refused',
      server_name: 'math',
      delivery: 'not-sent',
    });
  });

  test.each([new Error('a-secret'), 'a-secret', undefined, { message: 'a-secret' }])(
    'of something foreign tells nothing of it',
    (thrown) =>
      expect(problemOf(thrown)).toMatchObject({
        status: 500,
        code: 'INTERNAL',
        detail: expect.not.stringContaining('a-secret'),
      }),
  );
});
