import { type Initialization, readInitialization } from '../reading/initialization.js';
import { isRecord } from '../reading/json-values.js';
import { revisionsIn } from '../revisions.js';
import { SERVER_INFO_KEY } from './envelope.js';

/** What a server answers to `server/discover`. */
export interface Discovery extends Initialization {
  readonly supportedVersions: readonly string[];
}

/** @returns `undefined` for what is no such answer */
export function readDiscovery(result: unknown): Discovery | undefined {
  if (!isRecord(result)) return undefined;
  // Without its revisions it is one all the same, unless it is the answer to `initialize`.
  const isOther = 'protocolVersion' in result || !('capabilities' in result);
  if (!('supportedVersions' in result) && isOther) return undefined;
  const { _meta: meta } = result;
  const serverInfo = isRecord(meta) ? meta[SERVER_INFO_KEY] : result.serverInfo;
  const read = readInitialization({ ...result, serverInfo });
  if (read === undefined) return undefined;
  return { ...read, supportedVersions: revisionsIn(result.supportedVersions) };
}
