import { canonicalJson } from '../core/canonical-json.js';
import {
  acceptsNull,
  addsNoValues,
  type ConvertedSchema,
  type Notes,
  nullable,
  only,
  texts,
  without,
} from './converted-schema.js';
import {
  ANNOTATIONS,
  fixedValues,
  impliedTypes,
  isNothing,
  isObject,
  isOfType,
  type JsonSchema,
  type JsonType,
  KEYWORDS_OF,
  pointer,
  pointerTokens,
  propertiesOf,
  requiredOf,
  resolvePointer,
  schemaOf,
  schemasOf,
  TYPES,
  typesOf,
} from './json-schema.js';
import type { SchemaConversion } from './schema-conversion.js';
import { intersection } from './schema-intersection.js';
import type { Losses } from './schema-loss.js';

/** What of JSON Schema a vendor takes. */
export interface SchemaSubset {
  /** Kept as they are, besides what every vendor takes: type, title, description, enum, properties, items, anyOf, $ref. */
  readonly keywords: ReadonlySet<string>;
  /** Values of `format` that are kept. */
  readonly formats: ReadonlySet<string>;
  /** Types whose values may be in an `enum`. */
  readonly enumTypes: ReadonlySet<JsonType>;
  /** Each object has exactly its properties, and all of them: one that may be left out is `null` instead. */
  readonly exact: boolean;
}

const APPLICATORS = ['not', 'if', 'then', 'else'];
/** Where a lookaround begins: no vendor's patterns have them. */
const LOOKAROUND = /\(\?<?[=!]/;

/** Rewrites one tool's schema, whose root is an object already, in the words of a subset. */
export class SubsetConverter {
  readonly #conversion: SchemaConversion;
  readonly #root: JsonSchema;
  readonly #losses: Losses;
  readonly #subset: SchemaSubset;
  /** Names of the definitions made so far, by what refers to them. */
  readonly #names = new Map<string, string>();
  readonly #taken = new Set<string>();
  readonly #definitions: Record<string, ConvertedSchema> = {};

  constructor(conversion: SchemaConversion, subset: SchemaSubset) {
    this.#conversion = conversion;
    this.#root = conversion.root;
    this.#losses = conversion.losses;
    this.#subset = subset;
  }

  convert(): { schema: ConvertedSchema; definitions: Record<string, ConvertedSchema> } {
    const { $defs: _, definitions: __, ...root } = this.#root;
    const schema = this.#convert(root, '');
    // It grows while it is read, as definitions refer to more of them.
    for (const [reference, name] of this.#names) {
      const { $defs: _, definitions: __, ...target } = resolvePointer(this.#root, reference) ?? {};
      this.#definitions[name] = this.#convert(target, reference.slice(1));
    }
    return { schema, definitions: this.#definitions };
  }

  #convert(given: JsonSchema, path: string): ConvertedSchema {
    if (!this.#conversion.spend(path)) return {};
    const schema = this.#conversion.joined(given, path);
    if (typeof schema.$ref === 'string') return this.#reference(schema, path);
    if (schema.anyOf !== undefined) return this.#union(schema, path);
    const types = typesOf(schema);
    if (types.length === 0) types.push(...impliedTypes(schema));
    const values = fixedValues(schema);
    const proper = types.filter(
      (type) => type !== 'null' && (values === undefined || values.some((value) => isOfType(value, type))),
    );
    if (proper.length > 1) {
      const annotations = only(schema, [...ANNOTATIONS]);
      const anyOf = types
        .filter((type) => type === 'null' || proper.includes(type))
        .map((type) => ({ ...only(schema, [...KEYWORDS_OF[type], 'enum', 'const']), type }));
      return this.#union({ ...annotations, anyOf }, path);
    }
    const [type] = proper;
    if (type === undefined)
      return types.length === 0 ? this.#untyped(schema, path) : { type: 'null', ...texts(schema, []) };
    return this.#typed(type, types.includes('null'), schema, path);
  }

  // ── References and combinations ─────────────────────────────────────────────

  /** References lead to a definition of the result's own; what stands beside one goes around it. */
  #reference(schema: JsonSchema, path: string): ConvertedSchema {
    const reference = String(schema.$ref);
    if (resolvePointer(this.#root, reference) === undefined) {
      const { $ref: _, ...others } = schema;
      this.#conversion.target(reference, path);
      return this.#convert(others, path);
    }
    const $ref = `#/$defs/${this.#definition(reference)}`;
    const annotations = texts(schema, this.#annotationNotes(schema, path));
    return Object.keys(annotations).length === 0 ? { $ref } : { ...annotations, anyOf: [{ $ref }] };
  }

  #definition(reference: string): string {
    const known = this.#names.get(reference);
    if (known !== undefined) return known;
    const wanted =
      (pointerTokens(reference).at(-1) ?? 'root').replace(/[^A-Za-z0-9_-]/g, '_') || 'definition';
    let name = wanted;
    for (let number = 2; this.#taken.has(name); number++) name = `${wanted}_${number}`;
    this.#taken.add(name);
    this.#names.set(reference, name);
    return name;
  }

  #union(schema: JsonSchema, path: string): ConvertedSchema {
    const { anyOf, ...base } = schema;
    const constraints = without(base, [...ANNOTATIONS]);
    const branches = schemasOf(anyOf);
    const isConstrained = Object.keys(constraints).length > 0;
    if (isConstrained && branches.every(addsNoValues)) {
      this.#losses.add(pointer(path, 'anyOf'), 'anyOf', 'described');
      return this.#convert(this.#conversion.told(base, path, 'anyOf', anyOf, false), path);
    }
    const converted: ConvertedSchema[] = [];
    for (const [position, branch] of branches.entries()) {
      const at = pointer(path, 'anyOf', position);
      const whole = isConstrained
        ? intersection(
            constraints,
            this.#conversion.joined(this.#conversion.resolved(branch, at), at),
            () => {},
          )
        : branch;
      if (isNothing(whole)) continue;
      const one = this.#convert(whole, at);
      // Alternatives within alternatives are alternatives.
      const isPlainUnion = Array.isArray(one.anyOf) && Object.keys(one).length === 1;
      converted.push(...(isPlainUnion ? (one.anyOf as ConvertedSchema[]) : [one]));
    }
    const different = [...new Map(converted.map((one) => [canonicalJson(one), one])).values()];
    const annotations = texts(base, this.#annotationNotes(base, path));
    const [first] = different;
    if (first === undefined) return this.#untyped(base, path);
    if (different.length > 1) return { ...annotations, anyOf: different };
    if (typeof first.$ref !== 'string') return { ...first, ...annotations };
    return Object.keys(annotations).length === 0 ? first : { ...annotations, anyOf: different };
  }

  // ── Types ───────────────────────────────────────────────────────────────────

  #typed(type: JsonType, isNullable: boolean, schema: JsonSchema, path: string): ConvertedSchema {
    const notes = this.#annotationNotes(schema, path);
    const result: ConvertedSchema = { type };
    for (const [keyword, value] of Object.entries(this.#bounded(schema, type))) {
      if (this.#isStructural(keyword) || ANNOTATIONS.has(keyword)) continue;
      if (this.#keeps(keyword, value) && KEYWORDS_OF[type].includes(keyword)) result[keyword] = value;
      else this.#describe(keyword, value, type, notes, path);
    }
    if (type === 'object') Object.assign(result, this.#object(schema, path, notes));
    if (type === 'array') Object.assign(result, this.#array(schema, path, notes));
    this.#enumerate(result, schema, type, path, notes);
    const annotated = { ...texts(schema, notes), ...result };
    return isNullable ? nullable(annotated) : annotated;
  }

  /** Of whole numbers, `minimum: 1` says what `exclusiveMinimum: 0` does. */
  #bounded(schema: JsonSchema, type: JsonType): JsonSchema {
    if (type !== 'integer' || this.#subset.keywords.has('exclusiveMinimum')) return schema;
    const { exclusiveMinimum, exclusiveMaximum, minimum, maximum, ...rest } = schema;
    const least = [
      minimum,
      typeof exclusiveMinimum === 'number' ? Math.floor(exclusiveMinimum) + 1 : undefined,
    ];
    const most = [
      maximum,
      typeof exclusiveMaximum === 'number' ? Math.ceil(exclusiveMaximum) - 1 : undefined,
    ];
    const isNumber = (bound: unknown) => typeof bound === 'number';
    return {
      ...rest,
      ...(least.some(isNumber) && { minimum: Math.max(...least.filter(isNumber)) }),
      ...(most.some(isNumber) && { maximum: Math.min(...most.filter(isNumber)) }),
    };
  }

  #isStructural(keyword: string): boolean {
    return [
      'type',
      'enum',
      'const',
      'properties',
      'required',
      'additionalProperties',
      'items',
      'prefixItems',
    ].includes(keyword);
  }

  #keeps(keyword: string, value: unknown): boolean {
    if (!this.#subset.keywords.has(keyword)) return false;
    if (keyword === 'format') return this.#subset.formats.has(String(value));
    return keyword !== 'pattern' || !LOOKAROUND.test(String(value));
  }

  #describe(keyword: string, value: unknown, type: JsonType, notes: Notes, path: string): void {
    if (value === false || value === undefined) return;
    const isOfOtherType =
      TYPES.some((other) => KEYWORDS_OF[other].includes(keyword)) && !KEYWORDS_OF[type].includes(keyword);
    if (isOfOtherType || keyword === '$defs' || keyword === 'definitions') return;
    const isKnown = APPLICATORS.includes(keyword) || KEYWORDS_OF[type].includes(keyword);
    this.#losses.add(pointer(path, keyword), keyword, isKnown ? 'described' : 'dropped');
    if (isKnown) notes.push([keyword, value]);
  }

  #object(schema: JsonSchema, path: string, notes: Notes): ConvertedSchema {
    const required = new Set(requiredOf(schema));
    const properties: Record<string, ConvertedSchema> = {};
    const declared = propertiesOf(schema).filter(([, property]) => !isNothing(property));
    for (const [key, property] of declared) {
      const at = pointer(path, 'properties', key);
      const converted = this.#convert(property, at);
      const mayBeLeftOut = this.#subset.exact && !required.has(key);
      if (mayBeLeftOut && acceptsNull(converted) && property.default !== null) {
        this.#losses.add(at, 'required', 'approximated', 'null and leaving it out are the same');
      }
      // Not by assignment: of `__proto__` that would be the prototype.
      Object.defineProperty(properties, key, {
        value: mayBeLeftOut ? nullable(converted) : converted,
        enumerable: true,
        configurable: true,
        writable: true,
      });
    }
    const names = declared.map(([key]) => key);
    const undeclared = [...required].filter((key) => !names.includes(key));
    if (undeclared.length > 0) {
      this.#losses.add(
        pointer(path, 'required'),
        'required',
        'described',
        'it names properties that are not declared',
      );
      notes.push(['required', undeclared]);
    }
    const others = this.#otherProperties(schema, names, path);
    if (this.#subset.exact) return { properties, required: names, additionalProperties: false };
    const kept = names.filter((key) => required.has(key));
    return {
      ...(declared.length > 0 && { properties }),
      ...(kept.length > 0 && { required: kept }),
      ...(others !== undefined && { additionalProperties: others }),
    };
  }

  #otherProperties(schema: JsonSchema, names: readonly string[], path: string): unknown {
    const { additionalProperties: others, patternProperties } = schema;
    const at = pointer(path, 'additionalProperties');
    if (!this.#subset.exact) return isObject(others) ? this.#convert(others, at) : others;
    const isOpen = isObject(others) || others === true || patternProperties !== undefined;
    // An object about which nothing is said may hold anything; a tool about which nothing is said takes nothing.
    if (names.length === 0 && (isOpen || (others === undefined && path !== ''))) {
      this.#conversion.stop(path, 'it takes properties of any name');
    } else if (names.length > 0 && (isObject(others) || others === true)) {
      this.#losses.add(at, 'additionalProperties', 'dropped', 'only the declared properties can be given');
    }
    return false;
  }

  #array(schema: JsonSchema, path: string, notes: Notes): ConvertedSchema {
    const { items, prefixItems } = schema;
    const members = schemasOf(prefixItems);
    const at = pointer(path, 'prefixItems');
    if (members.length > 0 && this.#subset.keywords.has('prefixItems')) {
      return {
        prefixItems: members.map((member, position) => this.#convert(member, pointer(at, position))),
        ...(isObject(items) && { items: this.#convert(items, pointer(path, 'items')) }),
      };
    }
    if (members.length > 0) {
      this.#losses.add(at, 'prefixItems', 'approximated', 'each item may be any of its members');
      notes.push(['prefixItems', prefixItems]);
      const anyOf = isObject(items) ? [...members, items] : members;
      const isClosed = items === false || schema.maxItems === members.length;
      return {
        items: this.#union({ anyOf }, at),
        ...(isClosed && this.#subset.keywords.has('maxItems') && { maxItems: members.length }),
      };
    }
    if (items === undefined && !this.#subset.exact) return {};
    if (items === undefined && schema.maxItems === 0) return { items: { type: 'null' } };
    return { items: this.#convert(schemaOf(items), pointer(path, 'items')) };
  }

  #enumerate(result: ConvertedSchema, schema: JsonSchema, type: JsonType, path: string, notes: Notes): void {
    const values = fixedValues(schema);
    if (values === undefined) return;
    const keyword = 'const' in schema ? 'const' : 'enum';
    const fitting = values.filter((value) => isOfType(value, type));
    if (fitting.length > 0 && this.#subset.enumTypes.has(type)) {
      result.enum = fitting;
      return;
    }
    this.#losses.add(pointer(path, keyword), keyword, 'described');
    notes.push([keyword, keyword === 'const' ? schema.const : fitting]);
  }

  #untyped(schema: JsonSchema, path: string): ConvertedSchema {
    if (isNothing(schema)) {
      this.#losses.add(pointer(path, 'not'), 'not', 'dropped', 'no value fits');
      if (this.#subset.exact) return { type: 'null', ...texts(schema, []) };
    } else if (this.#subset.exact) this.#conversion.stop(path, 'it takes values of any type');
    const notes = this.#annotationNotes(schema, path);
    for (const keyword of APPLICATORS) {
      if (keyword in schema && !isNothing(schema))
        this.#describe(keyword, schema[keyword], 'null', notes, path);
    }
    return texts(schema, notes);
  }

  // ── What is told instead ────────────────────────────────────────────────────

  /** Annotations that are read best as a part of the description, which every vendor takes. */
  #annotationNotes(schema: JsonSchema, path: string): Notes {
    const notes: Notes = [];
    for (const keyword of ANNOTATIONS) {
      const value = schema[keyword];
      if (keyword === 'title' || keyword === 'description' || value === undefined) continue;
      const isUsual = keyword === 'default' ? value === null : value === false;
      if (isUsual) continue;
      this.#losses.add(pointer(path, keyword), keyword, 'described');
      notes.push([keyword, value]);
    }
    return notes;
  }
}
