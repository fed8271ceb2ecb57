import { readFileSync } from 'node:fs';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';

const { version } = JSON.parse(readFileSync('package.json', 'utf8'));

// Tests of the source import the doors by package name too; tests of the package and examples get the built files.
const doors = [
  { find: /^mcp-fleet$/, replacement: `${import.meta.dirname}/src/index.ts` },
  { find: /^mcp-fleet\/(\w+)$/, replacement: `${import.meta.dirname}/src/$1.ts` },
];

function project(
  name: string,
  options: TestProjectInlineConfiguration['test'] = {},
): TestProjectInlineConfiguration {
  return { extends: true, test: { name, include: [`test/${name}/**/*.test.ts`], ...options } };
}

export default defineConfig({
  define: { __VERSION__: JSON.stringify(version) },
  test: {
    dangerouslyIgnoreUnhandledErrors: false,
    // Generous: a machine may be slow, and what these tests bound themselves they bound themselves.
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // Many tests wait for sockets, processes and timers: one worker would leave half of two cores idle.
    maxWorkers: 2,
    restoreMocks: true,
    unstubGlobals: true,
    unstubEnvs: true,
    projects: [
      project('unit', { alias: doors }),
      project('integration', { alias: doors }),
      project('faults', { alias: doors, testTimeout: 60_000 }),
      project('faults-modern', {
        include: [
          'test/faults/{answers,chaos,connections,delivery,endings,fleet,policies,proxy-product,sessions,streams}.test.ts',
        ],
        alias: doors,
        testTimeout: 60_000,
        env: { FAULTS_WIRE: 'modern' },
      }),
      project('field', { alias: doors }),
      project('fuzz', { alias: doors }),
      project('browser', { alias: doors, testTimeout: 60_000 }),
      project('architecture'),
      project('types', {
        include: [],
        typecheck: { enabled: true, only: true, include: ['test/types/**/*.test-d.ts'] },
      }),
      project('package', {
        globalSetup: 'test/package/setup.ts',
        testTimeout: 60_000,
      }),
      project('examples', {
        include: ['test/examples/**/*.test.ts', 'examples/testing/vitest.test.ts'],
        testTimeout: 60_000,
      }),
    ],
  },
});
