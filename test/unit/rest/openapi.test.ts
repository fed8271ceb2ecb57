import { createHash } from 'node:crypto';
import { Validator } from '@seriousme/openapi-schema-validator';
import { McpManager } from 'mcp-fleet';
import { describe, expect, test } from 'vitest';
import { addServerSchema } from '../../../src/rest/routes/servers.js';
import { EVERY_ROUTE, openApiOf, restDoor } from '../../fixtures/rest-door.js';

describe('the OpenAPI document', () => {
  test('is valid, and of version 3.1', async () => {
    const document = await openApiOf(new McpManager());
    const validator = new Validator();
    expect(await validator.validate({ ...document })).toEqual({ valid: true });
    expect(validator.version).toBe('3.1');
    expect(document).toMatchObject({ openapi: '3.1.0', servers: [{ url: '/' }] });
  });

  test('has every route, and no other', async () => {
    const { paths } = await openApiOf(new McpManager());
    const described = Object.entries(paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const known = EVERY_ROUTE.map(
      ({ method, path }) => `${method} ${path.replace('/servers/math', '/servers/{name}').split('?')[0]}`,
    );
    expect(described.sort()).toEqual([...new Set(known)].sort());
  });

  test('names how callers prove who they are, where somebody asks', async () => {
    await using guarded = await restDoor({ authorize: () => true });
    const { json } = await guarded.ask({ method: 'GET', path: '/openapi.json' });
    expect(await new Validator().validate(json)).toEqual({ valid: true });
    expect(json.components.securitySchemes.bearer).toMatchObject({ type: 'http', scheme: 'bearer' });
    expect(json.security).toEqual([{ bearer: [] }]);
    expect(json.paths['/health'].get.security).toEqual([]);
    expect(json.paths['/docs'].get.security).toEqual([]);
    expect(json.paths['/tools'].get).not.toHaveProperty('security');
    const open = (await openApiOf(new McpManager())) as unknown as Record<string, object>;
    expect(open).not.toHaveProperty('security');
    expect(open.components).not.toHaveProperty('securitySchemes');
  });

  test('names the base path, and what a body is made of', async () => {
    await using door = await restDoor({ basePath: '/mcp' });
    const { json } = await door.ask({ method: 'GET', path: '/openapi.json' });
    expect(json.servers).toEqual([{ url: '/mcp' }]);
    const [atUrl, fromPreset] = json.components.schemas.AddServer.anyOf;
    expect(Object.keys(atUrl.properties)).toEqual(Object.keys(addServerSchema.options[0].shape));
    expect(atUrl).toMatchObject({
      required: ['name', 'url'],
      additionalProperties: false,
      properties: { oauth2_client_secret: { writeOnly: true } },
    });
    expect(fromPreset.required).toEqual(['name', 'preset']);
    expect(json.paths['/oauth/refresh'].post.requestBody.required).toBe(false);
    expect(json.paths['/tools/call'].post.requestBody).toEqual({
      required: true,
      content: { 'application/json': { schema: { $ref: '#/components/schemas/ToolCall' } } },
    });
    expect(json.paths['/tools'].get.parameters).toMatchObject([
      { name: 'server_name', in: 'query', required: false },
    ]);
  });
});

describe('the page', () => {
  test('holds all it needs, and its policy allows nothing else', async () => {
    await using door = await restDoor();
    const { text, headers } = await door.ask({ method: 'GET', path: '/docs' });
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(text).not.toMatch(/(src|href|url)\s*[=(]\s*["']?(https?:)?\/\//);
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).toMatch(/^default-src 'none'; /);
    expect(policy).not.toContain('unsafe');
    for (const tag of ['script', 'style']) {
      const [, source = ''] = new RegExp(`<${tag}>(.*?)</${tag}>`, 's').exec(text) ?? [];
      const hash = createHash('sha256').update(source).digest('base64');
      expect(policy).toContain(`${tag}-src 'sha256-${hash}'`);
    }
  });
});
