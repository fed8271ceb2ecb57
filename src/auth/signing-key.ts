import { createPrivateKey, type JsonWebKey, type KeyObject, webcrypto } from 'node:crypto';
import { CANONICAL, canonicalJson } from '../core/canonical-json.js';
import { fingerprint } from './fingerprint.js';

type CryptoKey = webcrypto.CryptoKey;

/** JWS algorithms (RFC 7518 section 3.1, RFC 8037 section 3.1), and how WebCrypto calls them. */
const ALGORITHMS = {
  RS256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  RS384: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-384' },
  RS512: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-512' },
  PS256: { name: 'RSA-PSS', hash: 'SHA-256' },
  PS384: { name: 'RSA-PSS', hash: 'SHA-384' },
  PS512: { name: 'RSA-PSS', hash: 'SHA-512' },
  ES256: { name: 'ECDSA', namedCurve: 'P-256' },
  ES384: { name: 'ECDSA', namedCurve: 'P-384' },
  ES512: { name: 'ECDSA', namedCurve: 'P-521' },
  EdDSA: { name: 'Ed25519' },
  Ed25519: { name: 'Ed25519' },
} as const;
type Algorithm = keyof typeof ALGORITHMS;

const CURVES: Readonly<Record<string, string>> = {
  prime256v1: 'P-256',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
};
/** RFC 7518 section 3.3. */
const SHORTEST_RSA_BITS = 2_048;

/** A private key that was checked, and the algorithm to sign with. Prints nothing of itself. */
export class SigningKey {
  readonly algorithm: Algorithm;
  readonly keyId: string | undefined;
  readonly #canonical: string;
  readonly #import: () => Promise<CryptoKey>;
  #cryptoKey: Promise<CryptoKey> | undefined;

  /** @param identity what makes it equal to another one. */
  constructor(
    algorithm: Algorithm,
    keyId: string | undefined,
    identity: unknown,
    load: () => Promise<CryptoKey>,
  ) {
    this.algorithm = algorithm;
    this.keyId = keyId;
    this.#canonical = fingerprint('privateKey', { algorithm, keyId, identity });
    this.#import = load;
  }

  cryptoKey(): Promise<CryptoKey> {
    this.#cryptoKey ??= this.#import();
    return this.#cryptoKey;
  }

  get [CANONICAL](): string {
    return this.#canonical;
  }
}

/** What is wrong with a key, and which of the options is to blame. */
export interface KeyProblem {
  readonly option: 'privateKey' | 'signingAlgorithm';
  readonly problem: string;
}

/** Never shows anything of the key: the errors of `node:crypto` would. */
export function readSigningKey(
  key: unknown,
  signingAlgorithm: string | undefined,
  keyId: string | undefined,
): SigningKey | KeyProblem {
  if (signingAlgorithm !== undefined && !Object.hasOwn(ALGORITHMS, signingAlgorithm)) {
    const problem = `expected one of ${Object.keys(ALGORITHMS).join(', ')}, got ${JSON.stringify(signingAlgorithm)}`;
    return { option: 'signingAlgorithm', problem };
  }
  if (isCryptoKey(key)) return ofCryptoKey(key, signingAlgorithm, keyId);
  if (typeof key === 'string') return ofKeyObject(() => keyOfPem(key), {}, signingAlgorithm, keyId);
  if (typeof key === 'object' && key !== null) {
    const jwk = key as JsonWebKey & { alg?: unknown; kid?: unknown };
    return ofKeyObject(() => createPrivateKey({ key: jwk, format: 'jwk' }), jwk, signingAlgorithm, keyId);
  }
  return wrongKey('expected a PEM, a JWK or a CryptoKey');
}

function keyOfPem(pem: string): KeyObject | string {
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(pem))
    return 'is encrypted; decrypt it first';
  return createPrivateKey(pem);
}

function ofKeyObject(
  read: () => KeyObject | string,
  { alg, kid }: { alg?: unknown; kid?: unknown },
  signingAlgorithm: string | undefined,
  keyId: string | undefined,
): SigningKey | KeyProblem {
  let key: KeyObject | string;
  try {
    key = read();
  } catch {
    return wrongKey(
      'is not a private key: expected a PEM (PKCS #8), a JWK with its private part or a CryptoKey',
    );
  }
  if (typeof key === 'string') return wrongKey(key);
  const fitting = algorithmsOf(key);
  if (typeof fitting === 'string') return wrongKey(fitting);
  const named = signingAlgorithm ?? (typeof alg === 'string' ? alg : fitting[0]);
  const algorithm = fitting.find((candidate) => candidate === named);
  if (algorithm === undefined) return wrongAlgorithm(named, fitting);
  const der = key.export({ type: 'pkcs8', format: 'der' });
  return new SigningKey(
    algorithm,
    keyId ?? (typeof kid === 'string' ? kid : undefined),
    der.toString('base64'),
    () => webcrypto.subtle.importKey('pkcs8', der, ALGORITHMS[algorithm], false, ['sign']),
  );
}

function ofCryptoKey(
  key: CryptoKey,
  signingAlgorithm: string | undefined,
  keyId: string | undefined,
): SigningKey | KeyProblem {
  if (key.type !== 'private' || !key.usages.includes('sign'))
    return wrongKey('expected a private CryptoKey with the usage "sign"');
  const { name, namedCurve, hash, modulusLength } = key.algorithm as {
    name: string;
    namedCurve?: string;
    hash?: { name: string };
    modulusLength?: number;
  };
  if (modulusLength !== undefined && modulusLength < SHORTEST_RSA_BITS)
    return wrongKey(tooShort(modulusLength));
  const fitting = (Object.keys(ALGORITHMS) as Algorithm[]).filter((algorithm) => {
    const wanted: { name: string; namedCurve?: string; hash?: string } = ALGORITHMS[algorithm];
    return wanted.name === name && wanted.namedCurve === namedCurve && wanted.hash === hash?.name;
  });
  const algorithm =
    signingAlgorithm === undefined ? fitting[0] : fitting.find((one) => one === signingAlgorithm);
  if (fitting.length === 0) return wrongKey(`a CryptoKey for ${name} cannot sign assertions`);
  if (algorithm === undefined) return wrongAlgorithm(signingAlgorithm, fitting);
  return new SigningKey(algorithm, keyId, canonicalJson(key), async () => key);
}

/** The algorithms that a key can be used with, the usual one first, or why there is none. */
function algorithmsOf({
  asymmetricKeyType: type,
  asymmetricKeyDetails: details,
}: KeyObject): Algorithm[] | string {
  const bits = details?.modulusLength ?? 0;
  switch (type) {
    case 'rsa':
      return bits < SHORTEST_RSA_BITS
        ? tooShort(bits)
        : ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
    case 'ed25519':
      return ['EdDSA', 'Ed25519'];
    case 'ec': {
      const curve = CURVES[details?.namedCurve ?? ''];
      const fits = (['ES256', 'ES384', 'ES512'] as const).filter(
        (one) => ALGORITHMS[one].namedCurve === curve,
      );
      return fits.length > 0
        ? fits
        : `is on the curve ${details?.namedCurve}, which no JWS algorithm here uses`;
    }
    default:
      return `is of the type ${type}; expected RSA, EC or Ed25519`;
  }
}

function isCryptoKey(key: unknown): key is CryptoKey {
  return Object.prototype.toString.call(key) === '[object CryptoKey]';
}

function tooShort(bits: number): string {
  return `is an RSA key of ${bits} bits; expected at least ${SHORTEST_RSA_BITS} (RFC 7518 section 3.3)`;
}

function wrongKey(problem: string): KeyProblem {
  return { option: 'privateKey', problem };
}

function wrongAlgorithm(named: string | undefined, fitting: readonly Algorithm[]): KeyProblem {
  const problem = `expected ${fitting.join(' or ')} for this key, got ${JSON.stringify(named)}`;
  return { option: 'signingAlgorithm', problem };
}
