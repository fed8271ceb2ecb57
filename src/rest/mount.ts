/** What a framework took off the URL of a request, as far as it said so: the web-standard request does not hold it. */
const mounts = new WeakMap<Request, string>();

/** @param path for example `/mcp` */
export function mountedAt(request: Request, path: string): Request {
  if (path !== '') mounts.set(request, path);
  return request;
}

/**
 * The path below which the routes are, as a client sees it. It never begins with two slashes: what follows them would be
 * the name of a host.
 */
export function mountOf(request: Request, basePath: string): string {
  const taken = mounts.get(request);
  if (taken === undefined) return basePath;
  const { pathname } = new URL(request.url);
  return `${taken}${isBelow(pathname, basePath) ? basePath : ''}`.replace(/^\/{2,}/, '/');
}

export function withoutBase(path: string, basePath: string): string {
  return basePath !== '' && isBelow(path, basePath) ? path.slice(basePath.length) || '/' : path;
}

function isBelow(path: string, basePath: string): boolean {
  return path === basePath || path.startsWith(`${basePath}/`);
}
