import { describe, expect, test } from 'vitest';
import { StandingRequests } from '../../../src/client/standing-requests.js';
import type { Session } from '../../../src/session/session.js';
import { gate } from './fakes.js';

const SIGNAL = new AbortController().signal;

const unexpected = (error: unknown) => expect.unreachable(String(error));

function session(answer: (method: string, params: unknown) => Promise<object> = async () => ({})) {
  const asked: [string, unknown][] = [];
  const made = {
    request(method: string, params: unknown) {
      asked.push([method, params]);
      return answer(method, params);
    },
  } as unknown as Session;
  return { made, asked };
}

describe('standing requests', () => {
  test('are none at first', async () => {
    const { made, asked } = session();
    await new StandingRequests().renew(made, SIGNAL, unexpected);
    expect(asked).toEqual([]);
  });

  test('are made again on each new session: subscriptions that still hold, and the last log level', async () => {
    const standing = new StandingRequests();
    for (const uri of ['a:1', 'a:2', 'a:1', 'a:3']) standing.subscribed(uri);
    standing.unsubscribed('a:3');
    standing.unsubscribed('a:4');
    standing.logLevel('debug');
    standing.logLevel('error');
    for (let n = 0; n < 2; n++) {
      const { made, asked } = session();
      await standing.renew(made, SIGNAL, unexpected);
      expect(asked).toEqual([
        ['logging/setLevel', { level: 'error' }],
        ['resources/subscribe', { uri: 'a:1' }],
        ['resources/subscribe', { uri: 'a:2' }],
      ]);
    }
  });

  test('that fail are told each, at once, and keep no other from being made', async () => {
    const { passed, open } = gate();
    const { made, asked } = session(async (_method, params) => {
      const { uri } = params as { uri: string };
      if (uri === 'a:1') await passed;
      if (uri !== 'a:3') throw new Error(uri);
      return {};
    });
    const standing = new StandingRequests();
    for (const uri of ['a:1', 'a:2', 'a:3']) standing.subscribed(uri);
    const errors: string[] = [];
    const renewing = standing.renew(made, SIGNAL, (error) => errors.push((error as Error).message));
    // The first one still waits. A rejection that nobody handles meanwhile would end the process.
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(errors).toEqual(['a:2']);
    open();
    await renewing;
    expect(errors).toEqual(['a:2', 'a:1']);
    expect(asked).toHaveLength(3);
  });

  test('are under way 16 at a time, and no more are begun when the client closes', async () => {
    const { passed, open } = gate();
    const { made, asked } = session(() => passed.then(() => ({})));
    const standing = new StandingRequests();
    for (let n = 0; n < 100; n++) standing.subscribed(`a:${n}`);
    const closing = new AbortController();
    const renewing = standing.renew(made, closing.signal, unexpected);
    expect(asked).toHaveLength(16);
    closing.abort();
    open();
    await renewing;
    expect(asked).toHaveLength(16);
  });
});
