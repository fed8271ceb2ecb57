import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { ConnectionError } from '../core/errors.js';
import { hostRule } from './host-rule.js';
import type { HttpFetch } from './http.js';
import { isPublicAddress } from './public-addresses.js';

/** Keeps the connections of one server away from addresses that are not public. */
export interface AddressGuard {
  /**
   * How names are to be resolved for connections to `url`: the lookup fails when an address is not public.
   * `undefined` where any address will do.
   * @throws {ConnectionError} `CONNECT_FAILED` when the host itself is an address that is not public.
   */
  lookupFor(url: URL): LookupFunction | undefined;
}

/**
 * A server entry may carry a guard under this key. It stands in the registry of symbols because the entry may be
 * made by one copy of this library (ESM) and read by the other (CommonJS).
 */
export const ADDRESS_GUARD: unique symbol = Symbol.for('mcp-fleet.address-guard') as never;

export interface AddressGuardOptions {
  /** Hosts that may be anywhere: `api.example.com`, `*.example.com`, `localhost:8001`. Without a port: any port. */
  allowedHosts: readonly string[];
  /** @default that of `node:dns` */
  lookup?: LookupFunction;
}

export function addressGuard({
  allowedHosts,
  lookup = systemLookup as LookupFunction,
}: AddressGuardOptions): AddressGuard {
  const allowed = allowedHosts.map(hostRule);
  const guarded = publicLookup(lookup);
  return {
    lookupFor(url) {
      if (allowed.some((allows) => allows(url))) return undefined;
      const address = url.hostname.replace(/^\[(.*)\]$/, '$1');
      const refused = isIP(address) === 0 ? isLocalName(address) : !isPublicAddress(address);
      if (refused) throw notPublic(url.hostname);
      return guarded;
    },
  };
}

/**
 * For a `fetch` that makes its connections itself: looks each URL's host up before it is asked for. A name that is
 * not known here is left to it, because it may go through a proxy that knows more.
 */
export function guardedFetch(fetch: HttpFetch, guard: AddressGuard): HttpFetch {
  return async (url, request) => {
    await checkHost(guard, new URL(url));
    return fetch(url, request);
  };
}

/**
 * For a connection that somebody else makes, such as a proxy: looks the host up before it is asked for.
 * @throws {ConnectionError} when it is, or leads to, an address that is not public. A name that is not known here is left
 * to whoever makes the connection.
 */
export async function checkHost(guard: AddressGuard, url: URL): Promise<void> {
  const { hostname } = url;
  const lookup = guard.lookupFor(url);
  if (lookup === undefined || hostname.startsWith('[') || isIP(hostname) !== 0) return;
  const failure = await new Promise<Error | null>((resolve) => {
    lookup(hostname, { all: true }, resolve);
  });
  if (failure instanceof ConnectionError) throw failure;
}

/** The guard of a server entry, if it has one. */
export function addressGuardOf(config: object): AddressGuard | undefined {
  return (config as { [ADDRESS_GUARD]?: AddressGuard })[ADDRESS_GUARD];
}

/** RFC 6761 section 6.3: they never mean another machine. */
function isLocalName(hostname: string): boolean {
  return /(^|\.)localhost\.?$/.test(hostname);
}

/** Where only some of the addresses are public, a second connection could reach the others: then none will do. */
function publicLookup(lookup: LookupFunction): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      if (error !== null) return callback(error, options.all ? [] : '');
      const addresses = found as LookupAddress[];
      const [first] = addresses;
      if (first === undefined || !addresses.every(({ address }) => isPublicAddress(address)))
        return callback(notPublic(hostname), options.all ? [] : '');
      if (options.all) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}

function notPublic(host: string): ConnectionError {
  return new ConnectionError('CONNECT_FAILED', `${host} is not a public address, and not an allowed host`, {
    delivery: 'not-sent',
  });
}
