import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type ErrorReport, ErrorReports } from '../../../src/calls/error-reports.js';
import { ConnectionError } from '../../../src/core/errors.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function gathering() {
  const told: ErrorReport[] = [];
  const reports = new ErrorReports((report) => told.push(report));
  const fail = (
    during = 'protocol',
    code: 'PROTOCOL_ERROR' | 'CONNECTION_LOST' = 'PROTOCOL_ERROR',
    words = 'odd',
  ) => reports.report({ during, error: new ConnectionError(code, words, { server: 'a' }) });
  return { told, reports, fail };
}

describe('reports', () => {
  test('of one kind are told one by one while they are few, and then together', () => {
    const { told, fail } = gathering();
    for (let count = 1; count <= 1_000; count++) fail('protocol', 'PROTOCOL_ERROR', `odd ${count}`);
    expect(told.map(({ error }) => error.message)).toEqual(['odd 1', 'odd 2', 'odd 3', 'odd 4', 'odd 5']);
    vi.advanceTimersByTime(10_000);
    expect(told).toHaveLength(6);
    expect(told[5]?.during).toBe('protocol');
    expect(told[5]?.error).toMatchObject({ code: 'PROTOCOL_ERROR', server: 'a' });
    expect(told[5]?.error.message).toBe('995 more like this within 10 s; the last one: odd 1000');
  });

  test('begin anew when the window is over', () => {
    const { told, fail } = gathering();
    for (let count = 0; count < 5; count++) fail();
    vi.advanceTimersByTime(10_000);
    fail();
    expect(told).toHaveLength(6);
  });

  test('of other kinds are counted apart', () => {
    const { told, fail } = gathering();
    for (let count = 0; count < 7; count++) {
      fail('protocol');
      fail('handler');
      fail('handler', 'CONNECTION_LOST');
    }
    expect(told).toHaveLength(15);
  });

  test('of very many kinds are bounded, and none is lost without a word', () => {
    const { told, fail } = gathering();
    for (let count = 0; count < 6; count++) fail('first');
    for (let kind = 0; kind < 50; kind++) fail(`kind ${kind}`);
    expect(told.filter(({ during }) => during === 'first').at(-1)?.error.message).toContain(
      '1 more like this',
    );
    expect(vi.getTimerCount()).toBeLessThanOrEqual(50);
  });

  test('that were counted are told at the end, and no timer is left', () => {
    const { told, reports, fail } = gathering();
    for (let count = 0; count < 8; count++) fail();
    reports.close();
    expect(told.at(-1)?.error.message).toContain('3 more like this');
    expect(vi.getTimerCount()).toBe(0);
  });
});
