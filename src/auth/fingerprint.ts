import { createHmac, randomBytes } from 'node:crypto';
import { canonicalJson } from '../core/canonical-json.js';

/** A plain hash of a weak secret could be reversed by trying; a keyed one tells nothing outside this process. */
const KEY = randomBytes(32);

/** Equal for equal values in this process, without telling anything of them. */
export function fingerprint(kind: string, value: unknown): string {
  return `${kind}:${createHmac('sha256', KEY).update(canonicalJson(value)).digest('base64url')}`;
}
