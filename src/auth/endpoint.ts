/** Says why a URL must not be used, or `undefined` if it may. */
export type EndpointCheck = (url: URL) => string | undefined;

/**
 * Why credentials must not be sent to this URL, or `undefined` if they may: OAuth wants TLS (RFC 6749 section
 * 3.2), except towards this very machine.
 */
export function problemOfEndpoint(url: URL, allowInsecureRequests: boolean): string | undefined {
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    return `expected an https: URL, got ${url.protocol}`;
  if (url.username !== '' || url.password !== '') return 'must not contain a user name or a password';
  if (url.hash !== '') return 'must not contain a fragment';
  if (url.protocol === 'http:' && !allowInsecureRequests && !isLoopback(url.hostname)) {
    return `http: to ${url.host} would send credentials in the clear; use https:, or set allowInsecureRequests`;
  }
  return undefined;
}

/** For URLs that `server` names: one that is elsewhere must not make this machine talk to itself. */
export function problemOfEndpointNamedBy(server: URL, allowInsecureRequests: boolean): EndpointCheck {
  return (url) => {
    const problem = problemOfEndpoint(url, allowInsecureRequests);
    if (problem !== undefined) return problem;
    return isLoopback(url.hostname) && !isLoopback(server.hostname)
      ? `is on this machine, ${url.host}, but ${server.host} that names it is not`
      : undefined;
  };
}

/** RFC 6761 section 6.3 for names. `URL` has already brought the odd spellings of addresses into one form. */
function isLoopback(hostname: string): boolean {
  return /^(localhost|.+\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
}
