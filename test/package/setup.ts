import { execSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** Folder of an application that has the packed mcp-fleet installed, and `node22`, `node24` and `bun`. */
    application: string;
  }
}

/** Packs what `npm run build` built and installs it where nothing of this repository is in reach. */
export default function setup(project: TestProject): () => void {
  const application = mkdtempSync(join(tmpdir(), 'mcp-fleet-'));
  const tarball = execSync(`npm pack --ignore-scripts --silent --pack-destination "${application}"`)
    .toString()
    .trim();
  writeFileSync(join(application, 'package.json'), '{ "private": true }');
  // The package `node` would fetch these in an install script.
  const node = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const bun = `@oven/bun-${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch === 'arm64' ? 'aarch64' : process.arch}`;
  execSync(
    `npm install --prefer-offline --no-audit --no-fund --loglevel=error ./${tarball} node22@npm:${node}@22 node24@npm:${node}@24 bun@npm:${bun}@1`,
    { cwd: application, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  cpSync('test/package/programs', application, { recursive: true });
  project.provide('application', application);
  return () => rmSync(application, { recursive: true, force: true });
}
