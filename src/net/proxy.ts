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

/** What messages must not repeat of the URL of a proxy: its password, and the header that is made of it. */
export function secretsOfProxy({ username, password }: URL): string[] {
  if (password === '') return [];
  const [user, secret] = [decoded(username), decoded(password)];
  return [password, secret, Buffer.from(`${user}:${secret}`).toString('base64')];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
