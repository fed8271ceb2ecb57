import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

const programs = readdirSync('examples').filter((name) => /\.(ts|cjs)$/.test(name));
const suites = readdirSync('examples/testing').map((name) => `testing/${name}`);

describe.each(programs)('%s', (name) => {
  test('runs, exits with 0 and warns of nothing', async () => {
    const loader = name.endsWith('.ts') ? ['--import', 'tsx'] : [];
    // Where a reader runs them. The tsconfig there leads to the built package, not to its source.
    const { stderr } = await run('examples', [...loader, name]);
    expect(stderr).toBe('');
  });
});

// The one for vitest is a test of this very run.
describe('tests that use the testing kit pass', () => {
  test('with node:test', async () => {
    const { stdout } = await run('examples', [
      '--import',
      'tsx',
      '--test',
      '--test-reporter=tap',
      'testing/node.test.ts',
    ]);
    expect(stdout).toMatch(/# pass 4\n# fail 0/);
  });

  test('with Jest', async () => {
    const jest = createRequire(import.meta.url).resolve('jest/bin/jest');
    const { stderr } = await run('examples/testing', [jest, '--rootDir=.', '--testMatch=**/jest.test.cjs']);
    expect(stderr).toMatch(/Tests: +4 passed, 4 total/);
    expect(stderr).not.toContain('did not exit');
  });
});

describe.each([...programs, ...suites])('%s', (name) => {
  test('has at most 60 lines', () => {
    const lines = readFileSync(`examples/${name}`, 'utf8').trimEnd().split('\n');
    expect(lines.length).toBeLessThanOrEqual(60);
  });

  test('imports nothing of this repository but the package', () => {
    const source = readFileSync(`examples/${name}`, 'utf8');
    expect(source).not.toMatch(/(from|require\() ?'\.{1,2}\//);
  });
});

function run(cwd: string, arguments_: string[]): Promise<{ stdout: string; stderr: string }> {
  return promisify(execFile)(process.execPath, arguments_, { cwd, timeout: 50_000 });
}
