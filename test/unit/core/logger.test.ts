import { setImmediate } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { isolatedLogger, type Logger } from '../../../src/core/logger.js';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

function loggerThat(write: () => unknown): Logger {
  return Object.fromEntries(LEVELS.map((level) => [level, write])) as unknown as Logger;
}

describe.each(LEVELS)('%s', (level) => {
  test('reaches the logger, as its method, with message and fields', () => {
    class Own {
      readonly lines: unknown[] = [];
      debug = () => {};
      info = () => {};
      warn = () => {};
      error = () => {};
    }
    const logger = new Own();
    logger[level] = function (this: Own, ...line: unknown[]) {
      this.lines.push(line);
    };
    isolatedLogger(logger)[level]('text', { server: 'github' });
    expect(logger.lines).toEqual([['text', { server: 'github' }]]);
  });

  test('is silent without a logger', () => {
    expect(() => isolatedLogger(undefined)[level]('text')).not.toThrow();
  });

  test('survives a logger that throws', () => {
    const logger = loggerThat(() => {
      throw new Error('disk full');
    });
    expect(() => isolatedLogger(logger)[level]('text')).not.toThrow();
  });

  test('survives a logger that rejects', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    isolatedLogger(loggerThat(() => Promise.reject(new Error('disk full'))))[level]('text');
    await setImmediate();
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });
});
