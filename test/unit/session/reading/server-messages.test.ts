import { expect, test } from 'vitest';
import { readLogMessage } from '../../../../src/session/reading/server-messages.js';

test.each([
  ['warn', 'warning'],
  ['ERROR', 'error'],
  ['loud', 'info'],
  [undefined, 'info'],
  [7, 'info'],
  [{ toString: 0, valueOf: 0 }, 'info'],
])('a log message of level %j has the level %s', (level, read) => {
  expect(readLogMessage({ level, data: 1 })).toEqual({ level: read, data: 1 });
});
