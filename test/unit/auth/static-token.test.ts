import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { staticToken } from '../../../src/auth/static-token.js';
import { canonicalJson } from '../../../src/core/canonical-json.js';
import { ConfigError } from '../../../src/core/errors.js';
import { tokenContext } from './contexts.js';

describe('a literal token', () => {
  test('is the answer to every question', async () => {
    expect(await staticToken('sesame').getToken(tokenContext())).toBe('sesame');
  });

  test.each([
    ['nothing', ''],
    ['a line break', 'opensesame\n'],
    ['a header of its own', 'opensesame\r\nx-evil: 1'],
    ['a space', 'open sesame'],
    ['letters other than ASCII', 'öpensesame'],
    ['the scheme', 'Bearer opensesame'],
  ])('with %s is refused at once, without being shown', (_what, token) => {
    const error = thrownBy(() => staticToken(token));
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).path).toBe('staticToken');
    expect(inspect(error)).not.toContain('sesame');
  });

  test('that is no string is refused', () => {
    expect(() => staticToken(undefined as unknown as string)).toThrow('got a value of type undefined');
  });

  test('is not printed', () => {
    const provider = staticToken('opensesame');
    expect(inspect(provider, { showHidden: true, depth: 9 }) + JSON.stringify(provider)).not.toContain(
      'sesame',
    );
  });

  test('equals another one with the same token, and tells nothing of it', () => {
    const canonical = canonicalJson(staticToken('opensesame'));
    expect(canonical).toBe(canonicalJson(staticToken('opensesame')));
    expect(canonical).not.toBe(canonicalJson(staticToken('openbarley')));
    expect(canonical).not.toContain('sesame');
  });
});

describe('a function', () => {
  test('is asked each time', async () => {
    let count = 0;
    const provider = staticToken(() => `token-${++count}`);
    expect(await provider.getToken(tokenContext())).toBe('token-1');
    expect(await provider.getToken(tokenContext())).toBe('token-2');
  });

  test('rejects when it throws', async () => {
    const provider = staticToken(() => {
      throw new Error('no vault');
    });
    await expect(provider.getToken(tokenContext())).rejects.toThrow('no vault');
  });

  test('equals itself only', () => {
    const token = () => 'same';
    expect(canonicalJson(staticToken(token))).toBe(canonicalJson(staticToken(token)));
    expect(canonicalJson(staticToken(token))).not.toBe(canonicalJson(staticToken(() => 'same')));
  });
});

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
}
