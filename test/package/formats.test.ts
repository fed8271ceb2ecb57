import { describe, expect, test } from 'vitest';
import { BUN, NODES, runNode } from './application.js';

describe.each(Object.entries(NODES))('on %s', (_name, node) => {
  test('by import: gets a token, calls a tool and exits, without a warning', async () => {
    expect(await runNode(['import.mjs'], node)).toEqual({ stdout: 'hello\n', stderr: '' });
  });

  test('by require, where ESM cannot be required: the same', async () => {
    const args = ['--no-experimental-require-module', 'require.cjs'];
    expect(await runNode(args, node)).toEqual({ stdout: 'hello\n', stderr: '' });
  });

  test('reads and watches configurations in both formats, whichever the manager is of', async () => {
    expect(await runNode(['config.mjs'], node)).toEqual({ stdout: '', stderr: '' });
  });

  test('errors are instances of McpFleetError across doors and across formats', async () => {
    expect(await runNode(['instances.mjs'], node)).toEqual({ stdout: '', stderr: '' });
  });
});

test('on Bun: gets a token, calls tools over HTTP and of a process, and exits', async () => {
  expect(await runNode(['import.mjs'], BUN)).toEqual({ stdout: 'hello\n', stderr: '' });
  const stdout = 'remote__greet hello\nlocal__greet hello\n';
  expect(await runNode(['transports.mjs'], BUN)).toEqual({ stdout, stderr: '' });
});

test('bundling leaves classes and functions the names they are exported by', async () => {
  expect(await runNode(['names.mjs'])).toEqual({ stdout: '', stderr: '' });
});
