import { getProxyForUrl } from 'proxy-from-env';

/** The URL of an HTTP proxy; `false`: none; `undefined`: what the environment says. */
export type ProxySetting = string | URL | false | undefined;

/**
 * The proxy for requests to `url`. The environment is asked as most programs ask it: `HTTP_PROXY`, `HTTPS_PROXY`,
 * `ALL_PROXY` and `NO_PROXY`, in capitals or not.
 */
export function proxyFor(url: URL, setting: ProxySetting): URL | undefined {
  if (setting === false) return undefined;
  // A WebSocket begins as a request of HTTP.
  const asked = url.href.replace(/^ws/, 'http');
  const proxy = setting === undefined ? getProxyForUrl(asked) : String(setting);
  return proxy !== '' && URL.canParse(proxy) ? new URL(proxy) : undefined;
}

/** Secrets in the URL of a proxy: what messages must not repeat. */
export function secretsOfProxy(proxy: URL | undefined): string[] {
  if (proxy === undefined || proxy.password === '') return [];
  return [proxy.password, decodeURIComponent(proxy.password)];
}
