import { inspect } from 'node:util';
import { describe, expect, test, vi } from 'vitest';
import {
  AuthError,
  asFleetError,
  ConfigError,
  ConnectionError,
  describeThrown,
  ERROR_CODES,
  type ErrorDetails,
  McpFleetError,
  notSent,
  OutcomeUnknownError,
  ofServer,
  RemoteError,
  TimeoutError,
  UnknownServerError,
  UnknownToolError,
} from '../../../src/core/errors.js';

const CANARY = 'canary-a1b2c3';

type Make = (details?: ErrorDetails) => McpFleetError;

/** Each way to make an error, with what it says when nothing else is told. */
const kinds: [string, Make, Partial<McpFleetError>][] = [
  [
    'McpFleetError',
    (details) => new McpFleetError('CLOSED', 'text', details),
    { code: 'CLOSED', delivery: undefined, retryable: false },
  ],
  [
    'ConfigError',
    (details) => new ConfigError('servers.a.url', 'text', details),
    { code: 'INVALID_CONFIG', delivery: undefined, retryable: false },
  ],
  [
    'UnknownServerError',
    (details) => new UnknownServerError('text', details),
    { code: 'UNKNOWN_SERVER', delivery: 'not-sent', retryable: false },
  ],
  [
    'UnknownToolError',
    (details) => new UnknownToolError('echo', 'text', details),
    { code: 'UNKNOWN_TOOL', delivery: 'not-sent', retryable: false },
  ],
  [
    'ConnectionError',
    (details) => new ConnectionError('CONNECTION_LOST', 'text', details),
    { code: 'CONNECTION_LOST', delivery: undefined, retryable: false },
  ],
  [
    'OutcomeUnknownError',
    (details) => new OutcomeUnknownError('text', details),
    { code: 'OUTCOME_UNKNOWN', delivery: 'unknown', retryable: false },
  ],
  [
    'AuthError',
    (details) => new AuthError('TOKEN_FAILED', 'text', details),
    { code: 'TOKEN_FAILED', delivery: 'not-sent', retryable: false },
  ],
  [
    'AuthError',
    (details) => new AuthError('UNAUTHORIZED', 'text', details),
    { code: 'UNAUTHORIZED', delivery: 'rejected', retryable: false },
  ],
  [
    'AuthError',
    (details) => new AuthError('FORBIDDEN', 'text', details),
    { code: 'FORBIDDEN', delivery: 'rejected', retryable: false },
  ],
  [
    'TimeoutError',
    (details) => new TimeoutError(100, 'text', details),
    { code: 'TIMEOUT', delivery: undefined, retryable: true },
  ],
  [
    'RemoteError',
    (details) => new RemoteError(-32_602, 'text', { hint: 1 }, details),
    { code: 'REMOTE_ERROR', delivery: 'answered', retryable: false },
  ],
];

describe.each(kinds)('%s', (name, make, defaults) => {
  test(`carries ${defaults.code} and its defaults`, () => {
    expect(make()).toMatchObject(defaults);
    expect(make()).toMatchObject({ server: undefined, retryAfterMs: undefined });
    expect(ERROR_CODES).toContain(make().code);
  });

  test('is an Error of its name, without an own property for it', () => {
    const error = make();
    expect(error).toBeInstanceOf(Error);
    expect(error.name).toBe(name);
    expect(Object.keys(error)).not.toContain('name');
    expect(error.stack).toMatch(new RegExp(`^${name}: `));
    expect(inspect(error)).toMatch(new RegExp(`^${name}: `));
  });

  test('keeps the details it was told', () => {
    const cause = new Error('why');
    const told = { server: 'github', retryable: true, retryAfterMs: 1_500, cause };
    expect(make(told)).toMatchObject(told);
  });

  test('has no cause when it was told none', () => {
    expect('cause' in make()).toBe(false);
    expect('cause' in make({ cause: undefined })).toBe(false);
  });

  test('has a JSON form without cause and stack', () => {
    const error = make({
      server: 'github',
      retryable: true,
      retryAfterMs: 5,
      cause: new Error(CANARY),
    });
    expect(error.toJSON()).toEqual({
      name,
      code: defaults.code,
      message: error.message,
      server: 'github',
      ...(defaults.delivery !== undefined && { delivery: defaults.delivery }),
      retryable: true,
      retryAfterMs: 5,
    });
    expect(JSON.stringify(error)).not.toContain(CANARY);
    expect(JSON.stringify(error)).not.toContain('errors.test');
  });

  test('leaves out of its JSON form what is not known', () => {
    const keys = ['name', 'code', 'message', 'retryable'];
    if (defaults.delivery !== undefined) keys.push('delivery');
    expect(Object.keys(make().toJSON()).sort()).toEqual(keys.sort());
  });
});

describe('details of single classes', () => {
  test('a config error names the path before the problem', () => {
    const error = new ConfigError('servers.github.url', 'expected a URL');
    expect(error.path).toBe('servers.github.url');
    expect(error.message).toBe('servers.github.url: expected a URL');
  });

  test('a config error without a path has only the problem', () => {
    expect(new ConfigError('', 'expected an object').message).toBe('expected an object');
  });

  test('an unknown tool is named', () => {
    expect(new UnknownToolError('serach', 'no such tool').tool).toBe('serach');
  });

  test('a connection error has the HTTP status, if there was one', () => {
    expect(new ConnectionError('HTTP_ERROR', 'x', { httpStatus: 502 }).httpStatus).toBe(502);
    expect(new ConnectionError('CONNECT_FAILED', 'x').httpStatus).toBeUndefined();
  });

  test('an unknown outcome stays unknown, whatever else is told', () => {
    expect(new OutcomeUnknownError('x', { delivery: 'not-sent' }).delivery).toBe('unknown');
  });

  test.each<[string, McpFleetError]>([
    ['UnknownServerError', new UnknownServerError('x', { delivery: 'rejected' })],
    ['UnknownToolError', new UnknownToolError('echo', 'x', { delivery: 'rejected' })],
    ['AuthError', new AuthError('TOKEN_FAILED', 'x', { delivery: 'rejected' })],
    ['RemoteError', new RemoteError(-32_601, 'x', undefined, { delivery: 'rejected' })],
    ['TimeoutError', new TimeoutError(1, 'x', { delivery: 'rejected' })],
  ])('%s may be told another delivery', (_name, error) => {
    expect(error.delivery).toBe('rejected');
  });

  test('a timeout may be told not to be retryable', () => {
    expect(new TimeoutError(1, 'x', { retryable: false }).retryable).toBe(false);
    expect(new TimeoutError(1_234, 'x').timeoutMs).toBe(1_234);
  });

  test('a remote error has the code and the data of JSON-RPC, and keeps the data out of its JSON form', () => {
    const error = new RemoteError(-32_000, 'x', { detail: CANARY });
    expect(error.rpcCode).toBe(-32_000);
    expect(error.data).toEqual({ detail: CANARY });
    expect(JSON.stringify(error)).not.toContain(CANARY);
  });
});

describe('instanceof', () => {
  test('holds for the base with errors of another copy of the library', async () => {
    vi.resetModules();
    const other = await import('../../../src/core/errors.js');
    expect(other.McpFleetError).not.toBe(McpFleetError);
    const foreign = new other.TimeoutError(1, 'x');
    expect(foreign instanceof McpFleetError).toBe(true);
    expect(new TimeoutError(1, 'x') instanceof other.McpFleetError).toBe(true);
    expect(asFleetError(foreign)).toBe(foreign);
  });

  test('tells subclasses apart in the usual way', () => {
    const timeout = new TimeoutError(1, 'x');
    expect(timeout instanceof TimeoutError).toBe(true);
    expect(timeout instanceof McpFleetError).toBe(true);
    expect(timeout instanceof ConnectionError).toBe(false);
    expect(new McpFleetError('TIMEOUT', 'x') instanceof TimeoutError).toBe(false);
  });

  test('is true for a class that somebody derives', () => {
    class Own extends ConnectionError {}
    const own = new Own('HTTP_ERROR', 'x');
    expect(own instanceof Own).toBe(true);
    expect(own instanceof ConnectionError).toBe(true);
    expect(own instanceof McpFleetError).toBe(true);
    expect(new ConnectionError('HTTP_ERROR', 'x') instanceof Own).toBe(false);
  });

  test.each([null, undefined, 'TIMEOUT', 42, {}, new Error('x'), { code: 'TIMEOUT', name: 'TimeoutError' }])(
    'is false for %o',
    (value) => {
      expect((value as unknown) instanceof McpFleetError).toBe(false);
      expect((value as unknown) instanceof TimeoutError).toBe(false);
    },
  );
});

describe('ofServer', () => {
  test('names the server on the very error', () => {
    const error = new TimeoutError(1, 'x');
    expect(ofServer(error, 'github')).toBe(error);
    expect(error.server).toBe('github');
  });

  test('does not rename', () => {
    expect(ofServer(new TimeoutError(1, 'x', { server: 'github' }), 'gitlab').server).toBe('github');
  });
});

describe('notSent', () => {
  test.each(['unknown', undefined] as const)('overrides delivery %s on the very error', (delivery) => {
    const error = new ConnectionError('CONNECTION_LOST', 'x', { delivery });
    expect(notSent(error)).toBe(error);
    expect(error.delivery).toBe('not-sent');
  });
});

describe('asFleetError', () => {
  test('gives our own errors back', () => {
    const error = new TimeoutError(1, 'x');
    expect(asFleetError(error)).toBe(error);
    expect(error.server).toBeUndefined();
    expect(asFleetError(error, 'github')).toBe(error);
    expect(error.server).toBe('github');
  });

  test('wraps foreign errors without their text', () => {
    const foreign = new RangeError(`token ${CANARY}`);
    const error = asFleetError(foreign, 'github');
    expect(error).toMatchObject({
      code: 'PROTOCOL_ERROR',
      server: 'github',
      message: 'Unexpected RangeError',
    });
    expect(error.cause).toBe(foreign);
    expect(error.message).not.toContain(CANARY);
  });

  test.each([
    ['a string', CANARY, 'Unexpected value of type string'],
    ['nothing', undefined, 'Unexpected value of type undefined'],
    ['null', null, 'Unexpected value of type object'],
  ])('wraps %s', (_what, thrown, message) => {
    expect(asFleetError(thrown).message).toBe(message);
  });
});

test('describeThrown tells the class of an error, even of one without a name', () => {
  expect(describeThrown(new TypeError(CANARY))).toBe('TypeError');
  expect(describeThrown(Object.assign(new Error(CANARY), { name: '' }))).toBe('Error');
  expect(describeThrown({ message: CANARY })).toBe('value of type object');
});
