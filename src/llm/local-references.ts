import { isObject, mapParts, partsOf, pointer, resolvePointer, schemaOf } from './json-schema.js';

/** Where a schema is that does not say so. */
const NOWHERE = 'https://schema.invalid/';
const REFERENCES = ['$ref', '$dynamicRef'] as const;
const ANCHORS = ['$anchor', '$dynamicAnchor'] as const;

/**
 * A schema whose references all are pointers into it (`#/$defs/address`), which is what vendors follow. Others are by the
 * name of a place (`$anchor`, in draft 4 `id: '#address'`), or by the address of the schema, or of one in it
 * (`$id`; JSON Schema 2020-12 core, section 8.2). What leads elsewhere is left as it is.
 */
export function withLocalReferences(schema: unknown): unknown {
  if (!isObject(schema)) return schema;
  const places = new Places(schema);
  return places.hasOthers ? places.rewritten(schema, '', NOWHERE) : schema;
}

/** The addresses of a schema and of what is in it. */
class Places {
  /** JSON pointers by address: of documents without a fragment, of named places with one. */
  readonly #pointers = new Map<string, string>();
  readonly #root: Record<string, unknown>;
  hasOthers = false;

  constructor(root: Record<string, unknown>) {
    this.#root = root;
    this.#pointers.set(NOWHERE, '');
    this.#find(root, '', NOWHERE);
  }

  rewritten(schema: unknown, path: string, outerBase: string): unknown {
    if (!isObject(schema)) return schema;
    const base = baseOf(schema, outerBase);
    const result = mapParts(schema, (part, place) => this.rewritten(part, pointer(path, ...place), base));
    const { $ref, $dynamicRef } = schema;
    if (typeof $ref === 'string') result.$ref = this.#local($ref, base);
    if (typeof $dynamicRef === 'string') {
      delete result.$dynamicRef;
      // What is dynamic leads, in a document that stands alone, to the place of that name.
      result.$ref ??= this.#local($dynamicRef, base);
    }
    return result;
  }

  #find(schema: unknown, path: string, outerBase: string): void {
    if (!isObject(schema)) return;
    const base = baseOf(schema, outerBase);
    if (base !== outerBase && !this.#pointers.has(base)) this.#pointers.set(base, path);
    for (const name of namesOf(schema)) {
      const place = `${base}#${name}`;
      if (!this.#pointers.has(place)) this.#pointers.set(place, path);
    }
    for (const keyword of REFERENCES) {
      const reference = schema[keyword];
      if (typeof reference !== 'string') continue;
      this.hasOthers ||= keyword !== '$ref' || !isPointer(reference) || base !== NOWHERE;
    }
    for (const { part, place } of partsOf(schema)) this.#find(part, pointer(path, ...place), base);
  }

  #local(reference: string, base: string): string {
    const known = URL.canParse(reference, base) ? new URL(reference, base) : undefined;
    if (known === undefined) return reference;
    const fragment = known.hash;
    known.hash = '';
    const document = this.#pointers.get(known.href);
    const named = this.#pointers.get(`${known.href}${fragment}`);
    if (fragment !== '' && !isPointer(fragment)) return named === undefined ? reference : `#${named}`;
    const inDocument = document === undefined ? undefined : `#${document}${fragment.slice(1)}`;
    if (inDocument !== undefined && this.#leads(inDocument)) return inDocument;
    // Schemas that were put together from several often kept their pointers from the top.
    return isPointer(reference) && this.#leads(reference) ? reference : (inDocument ?? reference);
  }

  #leads(reference: string): boolean {
    return resolvePointer(schemaOf(this.#root), reference) !== undefined;
  }
}

function baseOf({ $id, id }: Record<string, unknown>, outer: string): string {
  const own = [$id, id].find((one) => typeof one === 'string' && !one.startsWith('#')) as string | undefined;
  if (own === undefined || !URL.canParse(own, outer)) return outer;
  const url = new URL(own, outer);
  url.hash = '';
  return url.href;
}

function namesOf(schema: Record<string, unknown>): string[] {
  const anchors = ANCHORS.map((keyword) => schema[keyword]).filter((name) => typeof name === 'string');
  const inDraft4 = [schema.$id, schema.id].filter((one) => typeof one === 'string' && /^#[^/]/.test(one));
  return [...anchors, ...(inDraft4 as string[]).map((one) => one.slice(1))];
}

function isPointer(reference: string): boolean {
  return reference === '#' || reference.startsWith('#/');
}
