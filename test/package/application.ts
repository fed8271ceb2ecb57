import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { inject } from 'vitest';

const application = inject('application');

/** Versions of Node by name, with the path of the executable. */
export const NODES: Readonly<Record<string, string>> = {
  [`Node ${process.versions.node}`]: process.execPath,
  'Node 22': executable('node22'),
  'Node 24': executable('node24'),
};

export const BUN = executable('bun');

/** Runs Node in the application. Rejects if it fails or does not exit by itself. */
export function runNode(
  args: readonly string[],
  node = process.execPath,
): Promise<{ stdout: string; stderr: string }> {
  return promisify(execFile)(node, args, { cwd: application, timeout: 20_000 });
}

function executable(name: string): string {
  const file = name.replace(/\d+$/, '');
  return join(application, 'node_modules', name, 'bin', process.platform === 'win32' ? `${file}.exe` : file);
}
