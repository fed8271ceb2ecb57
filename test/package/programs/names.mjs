import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import * as index from 'mcp-fleet';
import * as llm from 'mcp-fleet/llm';
import * as testing from 'mcp-fleet/testing';

const require = createRequire(import.meta.url);
for (const door of [
  index,
  llm,
  testing,
  ...['mcp-fleet', 'mcp-fleet/llm', 'mcp-fleet/testing'].map(require),
]) {
  for (const [name, value] of Object.entries(door)) {
    if (typeof value === 'function') assert.equal(value.name, name);
  }
}
