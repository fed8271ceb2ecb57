import { describe, expect, test } from 'vitest';
import type { McpFleetError } from '../../../../src/core/errors.js';
import type { ServerRequestHandlers } from '../../../../src/session/session.js';
import { answerRound } from '../../../../src/session/stateless/input-rounds.js';
import { ServerRequests } from '../../../../src/session/unasked/server-requests.js';

const NEVER = new AbortController().signal;
const elicit = { method: 'elicitation/create', params: { message: 'Who?' } };

function answer(asked: Record<string, unknown>, handlers: ServerRequestHandlers = {}, signal = NEVER) {
  const told: McpFleetError[] = [];
  const requests = new ServerRequests({
    server: 's',
    handlers,
    observer: { error: (error) => told.push(error) },
  });
  return { told, answered: answerRound(asked, requests, signal) };
}

describe('a server that asks for more', () => {
  test('gets each answer under its key, and its state byte by byte', async () => {
    const { answered } = answer(
      { inputRequests: { who: elicit, where: { method: 'roots/list' } }, requestState: ' é\u2028"x"' },
      {
        elicitation: async () => ({ action: 'accept', content: { name: 'Ann' } }),
        roots: async () => [{ uri: 'file:///a' }],
      },
    );
    expect(await answered).toEqual({
      inputResponses: {
        who: { action: 'accept', content: { name: 'Ann' } },
        where: { roots: [{ uri: 'file:///a' }] },
      },
      requestState: ' é\u2028"x"',
    });
  });

  test('is not waited for when its question is not answered in time, whatever the handler does', async () => {
    const leave = new AbortController();
    const handlers = { elicitation: () => new Promise<never>(() => {}) };
    const { answered } = answer({ inputRequests: { who: elicit } }, handlers, leave.signal);
    leave.abort('enough');
    await expect(answered).rejects.toBe('enough');
  });

  test('without requests gets its state, and without a state none', async () => {
    expect(await answer({ requestState: 's' }).answered).toEqual({ requestState: 's' });
    expect(await answer({ inputRequests: {} }).answered).toEqual({ inputResponses: {} });
  });

  test.each([
    ['nothing to go on with', {}, 'neither for what'],
    ['a state that is no text', { requestState: {} }, 'requestState: expected a string'],
    ['too long a state', { requestState: 'x'.repeat(1_048_577) }, 'requestState: longer than 1048576'],
    ['requests in a list', { inputRequests: [elicit] }, 'inputRequests: expected an object'],
    ['a request without a method', { inputRequests: { a: {} } }, 'inputRequests: expected requests'],
    ['a request that is null', { inputRequests: { a: null } }, 'inputRequests: expected requests'],
    [
      'too many requests',
      { inputRequests: Object.fromEntries(Array.from({ length: 21 }, (_, at) => [at, elicit])) },
      'more than 20 at once',
    ],
    ['what nobody answers', { inputRequests: { a: elicit } }, 'no handler (handlers.elicitation)'],
    ['what nobody knows', { inputRequests: { a: { method: 'x/y' } } }, 'x/y, which is not known'],
  ])('with %s is not answered', async (_what, asked, words) => {
    await expect(answer(asked).answered).rejects.toMatchObject({
      code: 'PROTOCOL_ERROR',
      delivery: 'answered',
      message: expect.stringContaining(words),
    });
  });

  test('learns nothing of why a handler failed', async () => {
    const { told, answered } = answer(
      { inputRequests: { a: elicit } },
      { elicitation: () => Promise.reject(new Error('canary')) },
    );
    const error = await answered.catch((thrown: McpFleetError) => thrown);
    expect(error).toMatchObject({ code: 'PROTOCOL_ERROR', delivery: 'answered' });
    expect(String(error)).not.toContain('canary');
    expect(told).toHaveLength(1);
  });

  test('waits no longer than its caller', async () => {
    const controller = new AbortController();
    const { answered } = answer(
      { inputRequests: { a: elicit } },
      {
        elicitation: (_request, { signal }) =>
          new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      },
      controller.signal,
    );
    controller.abort('enough');
    await expect(answered).rejects.toBe('enough');
  });
});
