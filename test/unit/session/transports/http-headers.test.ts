import { describe, expect, test } from 'vitest';
import { HttpHeaders } from '../../../../src/session/transports/http-headers.js';

function withHeaders(configured: Record<string, string> = {}) {
  const secrets: string[] = [];
  const headers = new HttpHeaders(configured, (secret) => secrets.push(secret));
  const set = (...fields: string[]) =>
    headers.readCookies({ headers: { get: () => null, getSetCookie: () => fields } } as never);
  return { headers, secrets, set };
}

describe('header fields', () => {
  test('of the protocol come once, and configured ones in their place', () => {
    const { headers } = withHeaders({
      'User-Agent': 'mine/1',
      Accept: 'application/json',
      'Mcp-Session-Id': 'configured',
    });
    headers.session = 'from-the-server';
    headers.protocolVersion = '2025-06-18';
    expect(headers.post).toEqual({
      'content-type': 'application/json',
      accept: 'application/json',
      'user-agent': 'mine/1',
      'mcp-session-id': 'from-the-server',
      'mcp-protocol-version': '2025-06-18',
    });
    expect(headers.stream('7')).toMatchObject({ accept: 'text/event-stream', 'last-event-id': '7' });
    expect(headers.stream()).not.toHaveProperty('last-event-id');
  });

  test('say who asks', () => {
    expect(withHeaders().headers.all['user-agent']).toMatch(/^mcp-fleet\/\d/);
  });

  test('make the session id and cookies known as secrets', () => {
    const { headers, secrets, set } = withHeaders();
    headers.session = 'S-1';
    set('route=replica-7; Path=/; HttpOnly');
    expect(secrets).toEqual(['S-1', 'replica-7']);
  });
});

describe('cookies', () => {
  const sent = (configured: Record<string, string>, ...fields: string[][]) => {
    const { headers, set } = withHeaders(configured);
    for (const some of fields) set(...some);
    return headers.all.cookie;
  };

  test.each<[string, string[][], string | undefined]>([
    [
      'come back as they were set',
      [['a=1; Path=/; Secure; HttpOnly; SameSite=Lax', 'b="x y"']],
      'a=1; b="x y"',
    ],
    ['are replaced by their name', [['a=1'], ['a=2', 'b=3']], 'a=2; b=3'],
    ['go by Max-Age', [['a=1', 'b=2'], ['a=; Max-Age=0']], 'b=2'],
    ['go by Expires', [['a=1'], ['a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT']], undefined],
    [
      'stay by Max-Age, whatever Expires says',
      [['a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=60']],
      'a=1',
    ],
    ['may be empty', [['a=']], 'a='],
    ['without a name are none', [['=1', 'novalue', '; Path=/']], undefined],
    ['with a line break are none', [['a=1\r\nx-evil: 1']], undefined],
    ['that are very long are none', [[`a=${'x'.repeat(5_000)}`, 'b=1']], 'b=1'],
  ])('%s', (_what, fields, expected) => {
    expect(sent({}, ...fields)).toBe(expected);
  });

  test('stand behind those that are configured', () => {
    expect(sent({ Cookie: 'mine=1' }, ['theirs=2'])).toBe('mine=1; theirs=2');
  });

  test('are at most 50', () => {
    const many = Array.from({ length: 1_000 }, (_, number) => `c${number}=${number}`);
    expect(sent({}, many)?.split('; ')).toHaveLength(50);
  });
});
