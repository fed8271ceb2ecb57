import { fakeTokens } from 'mcp-fleet/testing';
import { expect, test } from 'vitest';

const context = {
  server: 'github',
  url: new URL('https://example.com/mcp'),
  signal: new AbortController().signal,
  reason: 'initial',
  previous: undefined,
  challenge: undefined,
} as const;

test('hands out the tokens in order and the last one for ever', async () => {
  const tokens = fakeTokens('a', { token: 'b', expiresAt: 1 }, 'c');
  expect(await tokens.getToken(context)).toEqual({ token: 'a' });
  expect(await tokens.getToken(context)).toEqual({ token: 'b', expiresAt: 1 });
  expect(await tokens.getToken(context)).toEqual({ token: 'c' });
  expect(await tokens.getToken(context)).toEqual({ token: 'c' });
});

test('throws an error that stands among the tokens', async () => {
  const down = new Error('down');
  const tokens = fakeTokens(down, 'a');
  await expect(tokens.getToken(context)).rejects.toBe(down);
  expect(await tokens.getToken(context)).toEqual({ token: 'a' });
});

test('throws the last error for ever', async () => {
  const down = new Error('down');
  const tokens = fakeTokens('a', down);
  await tokens.getToken(context);
  await expect(tokens.getToken(context)).rejects.toBe(down);
  await expect(tokens.getToken(context)).rejects.toBe(down);
});

test('answers that there is no token when it was given none', async () => {
  expect(await fakeTokens().getToken(context)).toBeUndefined();
});

test('remembers what it was asked', async () => {
  const tokens = fakeTokens('a');
  const rejected = { ...context, reason: 'rejected', previous: { token: 'a' } } as const;
  await tokens.getToken(context);
  await tokens.getToken(rejected);
  expect(tokens.contexts).toEqual([context, rejected]);
});
