import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import * as index from 'mcp-fleet';
import * as config from 'mcp-fleet/config';
import * as llm from 'mcp-fleet/llm';
import * as rest from 'mcp-fleet/rest';
import * as testing from 'mcp-fleet/testing';

const require = createRequire(import.meta.url);
for (const door of [
  ...[index, config, llm, rest, testing],
  ...['mcp-fleet', 'mcp-fleet/config', 'mcp-fleet/llm', 'mcp-fleet/rest', 'mcp-fleet/testing'].map((door) =>
    require(door),
  ),
]) {
  for (const [name, value] of Object.entries(door)) {
    if (typeof value === 'function') assert.equal(value.name, name);
  }
}
