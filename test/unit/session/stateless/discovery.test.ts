import { describe, expect, test } from 'vitest';
import { readDiscovery } from '../../../../src/session/stateless/discovery.js';

const SERVER = { 'io.modelcontextprotocol/serverInfo': { name: 'm', version: '1' } };

describe('the answer to server/discover', () => {
  test('says what there is', () => {
    const result = {
      supportedVersions: ['2026-07-28'],
      capabilities: { tools: {} },
      instructions: 'Be kind.',
      _meta: SERVER,
    };
    expect(readDiscovery(result)).toEqual({
      supportedVersions: ['2026-07-28'],
      capabilities: { tools: {} },
      instructions: 'Be kind.',
      serverInfo: { name: 'm', version: '1' },
      protocolVersion: undefined,
    });
  });

  test.each([
    [{ supportedVersions: ['2026-07-28'] }, undefined],
    [{ supportedVersions: ['2026-07-28'], capabilities: null, _meta: null }, undefined],
    [{ capabilities: [] }, {}],
    [{ supportedVersions: 'x', capabilities: { tools: true } }, { tools: {} }],
  ])('%j leaves open what it does not say', (result, capabilities) => {
    expect(readDiscovery(result)?.capabilities).toEqual(capabilities);
  });

  test.each([
    undefined,
    null,
    'ok',
    [],
    {},
    { ok: true },
    { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: {} },
  ])('is not %j', (result) => expect(readDiscovery(result)).toBeUndefined());
});
