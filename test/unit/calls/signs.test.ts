import { describe, expect, test } from 'vitest';
import { type Sign, signOf } from '../../../src/calls/signs.js';
import {
  ConnectionError,
  McpFleetError,
  OutcomeUnknownError,
  UnknownToolError,
} from '../../../src/core/errors.js';
import { ends } from './fakes.js';

function withCause(code: string, depth = 1): ConnectionError {
  let cause: Error = Object.assign(new Error('x'), { code });
  for (let n = 1; n < depth; n++) cause = new TypeError('fetch failed', { cause });
  return new ConnectionError('CONNECT_FAILED', 'x', { delivery: 'not-sent', cause });
}

const CASES: [string, unknown, Sign][] = [
  ['a JSON-RPC error', ends.remote(), 'alive'],
  ['invalid params', ends.badArguments(), 'alive'],
  ['401', ends.unauthorized(), 'alive'],
  ['403', ends.forbidden(), 'alive'],
  ['400', ends.http(400), 'alive'],
  ['404', ends.http(404), 'alive'],
  ['421', ends.http(421), 'alive'],
  ['429', ends.limited(), 'alive'],
  ['499', ends.http(499), 'alive'],
  ['404 to a session id', ends.forgotten(), 'alive'],
  ['a large answer', new ConnectionError('RESPONSE_TOO_LARGE', 'x', { httpStatus: 200 }), 'alive'],
  ['500', ends.http(500), 'failing'],
  ['502', ends.http(502), 'failing'],
  ['503', ends.http(503), 'failing'],
  ['504', ends.http(504), 'failing'],
  [
    'an answer that cannot be read',
    new ConnectionError('PROTOCOL_ERROR', 'x', { httpStatus: 200 }),
    'failing',
  ],
  ['refused', withCause('ECONNREFUSED'), 'failing'],
  ['no such host', withCause('ENOTFOUND'), 'failing'],
  ['reset', withCause('ECONNRESET'), 'failing'],
  ['lost', ends.lost(), 'failing'],
  ['lost before it was sent', ends.lost('not-sent'), 'failing'],
  ['a timeout', ends.timeout(), 'failing'],
  ['too many open files', withCause('EMFILE'), 'nothing'],
  ['too many open files, three causes deep', withCause('ENFILE', 3), 'nothing'],
  ['no port left', withCause('EADDRNOTAVAIL', 2), 'nothing'],
  ['no memory', withCause('ENOMEM'), 'nothing'],
  ['a command that is missing', withCause('ENOENT'), 'nothing'],
  ['a command that may not run', withCause('EACCES'), 'nothing'],
  ['no process left', withCause('EAGAIN'), 'nothing'],
  ['no token', ends.tokenFailed(), 'nothing'],
  ['an open breaker', ends.open(), 'nothing'],
  ['a full queue', ends.full(), 'nothing'],
  ['closing', new McpFleetError('CLOSED', 'x'), 'nothing'],
  ['what the server does not offer', new McpFleetError('UNSUPPORTED', 'x'), 'nothing'],
  ['an unknown tool', new UnknownToolError('x', 'x'), 'nothing'],
  ['an unknown outcome, which was judged when it happened', new OutcomeUnknownError('x'), 'nothing'],
  ["the caller's abort", new DOMException('x', 'AbortError'), 'nothing'],
  ['an error of the host', new TypeError('x'), 'nothing'],
  ['a text', 'x', 'nothing'],
  ['nothing', undefined, 'nothing'],
];

describe('the end of an attempt by', () => {
  test.each(CASES)('%s', (_what, thrown, sign) => {
    expect(signOf(thrown)).toBe(sign);
  });
});
