import { format, inspect } from 'node:util';
import { expect, test } from 'vitest';
import { Secret } from '../../../src/core/secret.js';

const TEXT = 's3cr3t-canary';
const secret = new Secret(TEXT);

test('reveals its text when asked by name', () => {
  expect(secret.reveal()).toBe(TEXT);
});

test.each<[string, () => string]>([
  ['toString', () => secret.toString()],
  ['String()', () => String(secret)],
  ['a template', () => `Bearer ${secret}`],
  ['concatenation', () => `${''}${secret as unknown as string}`],
  ['join', () => [secret, secret].join(' ')],
  ['JSON', () => JSON.stringify({ token: secret, all: [secret] })],
  ['inspect', () => inspect(secret)],
  ['inspect of an object around it', () => inspect({ a: { b: [secret] } }, { depth: 9 })],
  ['inspect with hidden properties', () => inspect(secret, { showHidden: true, showProxy: true })],
  ['inspect as an own property of an error', () => inspect(Object.assign(new Error('x'), { secret }))],
  ['console format %s', () => format('%s', secret)],
  ['console format %o', () => format('%o', secret)],
  ['console format %O', () => format('%O', secret)],
  ['console format %j', () => format('%j', secret)],
  ['console format without a place', () => format('token', secret)],
])('prints [redacted] in %s', (_where, print) => {
  expect(print()).toContain('[redacted]');
  expect(print()).not.toContain(TEXT);
});

test.each<[string, () => unknown]>([
  ['inspect without custom functions', () => inspect(secret, { customInspect: false, showHidden: true })],
  ['keys', () => Object.keys(secret)],
  ['own properties', () => Reflect.ownKeys(secret)],
  ['a spread copy', () => inspect({ ...secret })],
  ['a structured clone', () => inspect(structuredClone(secret))],
])('shows nothing in %s', (_where, print) => {
  expect(String(print())).not.toContain(TEXT);
});
