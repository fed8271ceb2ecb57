import { z } from 'zod';
import { docsPage } from '../docs/page.js';
import { mountOf } from '../mount.js';
import { atMount, openApiDocument } from '../openapi.js';
import type { RestSettings } from '../options.js';
import { ok, type Route, route } from '../route.js';

/** What describes the other routes, and itself. */
export function documentRoutes(others: readonly Route[], settings: RestSettings): Route[] {
  const routes: Route[] = [
    route('GET /openapi.json', {
      kind: 'read',
      summary: 'Describes these routes in OpenAPI 3.1',
      answers: { 200: z.looseObject({}) },
      handle: ({ request }) => {
        document ??= openApiDocument([...others, ...routes], settings);
        return ok(atMount(document, mountOf(request, settings.basePath)));
      },
    }),
    route('GET /docs', {
      // The page is the same for everybody; what it shows it has to ask for.
      kind: 'none',
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
