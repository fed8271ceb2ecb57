import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

test('the demo tells its story to the end, exits with 0 and uses no colours off a terminal', async () => {
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', 'examples/demo/main.ts'],
    { env: { ...process.env, TSX_TSCONFIG_PATH: 'examples/tsconfig.json' }, timeout: 50_000 },
  );
  expect(stderr).toBe('');
  expect(stdout).toContain('100 calls ok, with 1 token request');
  expect(stdout).toContain('[everything] reconnecting → ready');
  expect(stdout).toMatch(/No process and no connection is left, after [\d.]+ s\.\n$/);
  expect(stdout).not.toContain('\u001b[');
});
