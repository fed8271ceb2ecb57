import type { LookupFunction } from 'node:net';
import { buildConnector } from 'undici';
import type { AddressGuard } from './address-guard.js';

/** Makes the connections of an undici agent. Every one passes the guard, whatever URL, redirect or name led to it. */
export function guardedConnector(guard: AddressGuard, timeout: number): buildConnector.connector {
  const connectors = new Map<LookupFunction | undefined, buildConnector.connector>();
  const connectorFor = (lookup: LookupFunction | undefined) => {
    const connector = connectors.get(lookup) ?? buildConnector({ timeout, ...(lookup && { lookup }) });
    connectors.set(lookup, connector);
    return connector;
  };
  return (target, callback) => {
    try {
      const lookup = guard.lookupFor(new URL(`${target.protocol}//${target.host}`));
      connectorFor(lookup)(target, callback);
    } catch (error) {
      callback(error as Error, null);
    }
  };
}
