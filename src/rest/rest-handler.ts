import { Hono } from 'hono';
import { getPath } from 'hono/utils/url';
import { UnknownServerError } from '../core/errors.js';
import type { McpManager } from '../manager/mcp-manager.js';
import { authorized } from './authorization.js';
import { identified } from './identification.js';
import { mountOf, withoutBase } from './mount.js';
import { type RestAction, type RestHandlerOptions, type RestSettings, restSettings } from './options.js';
import { OriginGate, preflightHeaders } from './origin-gate.js';
import { problemResponse, Refusal } from './problem.js';
import { readJson } from './request-body.js';
import { checkedFields, queryOf } from './request-fields.js';
import type { Route } from './route.js';
import { documentRoutes } from './routes/documents.js';
import { eventRoutes } from './routes/events.js';
import { healthRoutes } from './routes/health.js';
import { oauthRoutes } from './routes/oauth.js';
import { promptRoutes } from './routes/prompts.js';
import { resourceRoutes } from './routes/resources.js';
import { serverRoutes } from './routes/servers.js';
import { toolRoutes } from './routes/tools.js';
import { fields } from './schemas.js';

/** On every answer. A page sets its own policy. */
const SAFE_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const;

const NO_QUERY = fields({});

/**
 * REST over a manager, web-standard: mount it in any framework, or through `toNodeListener` in those of Node.
 *
 * The handler never throws and never rejects; errors are `application/problem+json` (RFC 9457). It forwards
 * nothing of a request to the MCP servers but the arguments in its body. Aborting a request aborts its call.
 *
 * @throws {ConfigError} naming the option.
 */
export function createRestHandler(
  manager: McpManager,
  options: RestHandlerOptions,
): (request: Request) => Promise<Response> {
  const settings = restSettings(manager, options);
  const gate = new OriginGate(settings);
  const app = application(manager, routesOf(manager, settings), settings);
  return async (request) => {
    let response: Response;
    try {
      gate.check(request);
      checkEncoding(new URL(request.url));
      response = await app.fetch(request);
    } catch (error) {
      response = problemResponse(error);
    }
    for (const [name, value] of Object.entries(SAFE_HEADERS)) {
      if (!response.headers.has(name)) response.headers.set(name, value);
    }
    for (const [name, value] of Object.entries(gate.corsHeaders(request))) {
      response.headers.set(name, value);
    }
    return response;
  };
}

function routesOf(manager: McpManager, settings: RestSettings): Route[] {
  const routes = [
    ...serverRoutes(manager, settings),
    ...toolRoutes(),
    ...resourceRoutes(),
    ...promptRoutes(),
    ...oauthRoutes(),
    ...eventRoutes(manager, settings),
    ...healthRoutes(manager),
  ];
  return [...routes, ...documentRoutes(routes, settings)];
}

function application(manager: McpManager, routes: readonly Route[], settings: RestSettings): Hono {
  const app = new Hono({ getPath: (request) => withoutBase(getPath(request), settings.basePath) });
  for (const route of routes) {
    app.on(route.method, placeOf(route), (context) =>
      answer(manager, route, context.req.raw, context.req.param(), settings),
    );
  }
  for (const place of new Set(routes.map(placeOf))) {
    const methods = methodsAt(routes, place);
    const allow = methods.join(', ');
    app.options(
      place,
      () => new Response(null, { status: 204, headers: { allow, ...preflightHeaders(methods) } }),
    );
    app.all(place, () => {
      throw new Refusal('METHOD_NOT_ALLOWED', `Allowed here: ${allow}`, { headers: { allow } });
    });
  }
  // Whoever opens the mount, or the page with a slash, wants to read.
  for (const place of ['/', '/docs/']) app.get(place, ({ req }) => toDocs(req.raw, settings));
  app.notFound(() => problemResponse(new Refusal('NOT_FOUND', 'There is nothing here')));
  app.onError((error) => problemResponse(error));
  return app;
}

/** The order in which a request is dealt with: nothing of it counts before the caller may do this at all. */
async function answer(
  manager: McpManager,
  route: Route,
  request: Request,
  parameters: Record<string, string>,
  settings: RestSettings,
): Promise<Response> {
  const { kind, body: bodySchema } = route;
  const url = new URL(request.url);
  const may = async (action: Omit<RestAction, 'kind'>) => {
    if (kind !== 'none') await authorized(request, { kind, ...action }, settings);
  };

  const server = parameters.name ?? (route.query && url.searchParams.get('server_name'));
  await may(server === undefined || server === null ? {} : { server });
  const query = checkedFields(route.query ?? NO_QUERY, queryOf(url));
  let body: unknown;
  if (bodySchema !== undefined) {
    body = checkedFields(bodySchema, await readJson(request, settings));
    for (const target of distinct(route.targets(body))) await may(target);
  }
  const identity = kind === 'none' ? undefined : await identified(request, settings);
  const fleet = identity === undefined ? manager : manager.as(identity);
  const { signal } = request;
  try {
    const given = await whilePresent(signal, () =>
      route.handle({ parameters, query, body, request, fleet, signal }),
    );
    if (given instanceof Response) return given;
    return Response.json(given.json, { status: given.status });
  } catch (error) {
    if (!(error instanceof UnknownServerError)) throw error;
    const mayReadAll = authorized(request, { kind: 'read' }, settings).then(
      () => true,
      () => false,
    );
    return problemResponse(error, await mayReadAll);
  }
}

/** Work that was aborted fails with the signal's own reason, which says nothing to anybody. */
async function whilePresent<Value>(signal: AbortSignal, work: () => Value | Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    if (signal.aborted) throw new Refusal('CLIENT_GONE', 'The request was aborted');
    throw error;
  }
}

/** In the notation of Hono. */
function placeOf({ path }: Route): string {
  return path.replace(/\{(\w+)\}/g, ':$1');
}

function methodsAt(routes: readonly Route[], place: string): string[] {
  const methods: string[] = routes.filter((route) => placeOf(route) === place).map(({ method }) => method);
  return [...methods, ...(methods.includes('GET') ? ['HEAD'] : []), 'OPTIONS'];
}

function toDocs(request: Request, { basePath }: RestSettings): Response {
  return new Response(null, { status: 302, headers: { location: `${mountOf(request, basePath)}/docs` } });
}

/** What cannot be decoded would be read in one way here and in another elsewhere. @throws {Refusal} 400 */
function checkEncoding({ pathname, search }: URL): void {
  try {
    decodeURIComponent(pathname + search);
  } catch {
    throw new Refusal('INVALID_REQUEST', 'The URL is not percent-encoded UTF-8');
  }
}

function distinct<Value>(values: readonly Value[]): Value[] {
  return [...new Map(values.map((value) => [JSON.stringify(value), value])).values()];
}
