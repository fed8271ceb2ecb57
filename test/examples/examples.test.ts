import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

const examples = readdirSync('examples').filter((name) => /\.(ts|cjs)$/.test(name));

describe.each(examples)('%s', (name) => {
  test('runs, exits with 0 and warns of nothing', async () => {
    const loader = name.endsWith('.ts') ? ['--import', 'tsx'] : [];
    const { stderr } = await promisify(execFile)(process.execPath, [...loader, name], {
      // Where a reader runs them. The tsconfig there leads to the built package, not to its source.
      cwd: 'examples',
      timeout: 50_000,
    });
    expect(stderr).toBe('');
  });

  test('has at most 60 lines', () => {
    const lines = readFileSync(`examples/${name}`, 'utf8').trimEnd().split('\n');
    expect(lines.length).toBeLessThanOrEqual(60);
  });

  test('imports nothing of this repository but the package', () => {
    const source = readFileSync(`examples/${name}`, 'utf8');
    expect(source).not.toMatch(/(from|require\() ?'\.{1,2}\//);
  });
});
