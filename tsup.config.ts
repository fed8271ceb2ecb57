import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { defineConfig, type Options } from 'tsup';

const { version } = JSON.parse(readFileSync('package.json', 'utf8'));

type Plugin = NonNullable<Options['plugins']>[number];

/** In CommonJS our own files load each other by require(): Jest, for one, has no import() there. */
const lazyRequire: Plugin = {
  name: 'lazy-require',
  renderChunk(code) {
    if (this.format !== 'cjs') return;
    return { code: code.replace(/\bimport\(("\.\/[^"]+")\)/g, 'Promise.resolve().then(() => require($1))') };
  },
};

/** The published JSON Schema, made from the schemas that validate. */
async function writeJsonSchema(): Promise<void> {
  Object.assign(globalThis, { __VERSION__: version });
  const { configJsonSchema } = await import('./src/config/json-schema.js');
  writeFileSync('dist/config.schema.json', `${JSON.stringify(configJsonSchema(), null, 2)}\n`);
}

export default defineConfig({
  // Every file directly in src/ is a published subpath.
  entry: readdirSync('src')
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `src/${name}`),
  format: ['esm', 'cjs'],
  platform: 'node',
  target: 'node20',
  dts: true,
  // Doors share one copy of each class, so that instanceof holds between them.
  splitting: true,
  // With this, Rollup writes the CommonJS files and leaves import() of packages alone. Without it tsup makes it
  // require(), which not every runtime can do with an ESM-only package.
  treeshake: true,
  plugins: [lazyRequire],
  // An ESM-only package that is needed at once: in the CommonJS files a require() of it would not work everywhere.
  noExternal: ['p-retry', 'is-network-error'],
  clean: true,
  define: { __VERSION__: JSON.stringify(version) },
  onSuccess: writeJsonSchema,
});
