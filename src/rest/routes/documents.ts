import { z } from 'zod';
import { docsPage } from '../docs/page.js';
import { openApiDocument } from '../openapi.js';
import type { RestSettings } from '../options.js';
import { ok, type Route, route } from '../route.js';

/** What describes the other routes, and itself. */
export function documentRoutes(others: readonly Route[], { basePath }: RestSettings): Route[] {
  const routes: Route[] = [
    route('GET /openapi.json', {
      kind: 'read',
      summary: 'Describes these routes in OpenAPI 3.1',
      answers: { 200: z.looseObject({}) },
      handle: () => {
        document ??= openApiDocument([...others, ...routes], basePath);
        return ok(document);
      },
    }),
    route('GET /docs', {
      kind: 'read',
      summary: 'A page to read and try these routes',
      answers: { 200: 'text/html' },
      handle: () => {
        page ??= docsPage();
        const headers = {
          'content-type': 'text/html; charset=utf-8',
          'content-security-policy': page.contentSecurityPolicy,
        };
        return new Response(page.html, { headers });
      },
    }),
  ];
  let document: object | undefined;
  let page: ReturnType<typeof docsPage> | undefined;
  return routes;
}
