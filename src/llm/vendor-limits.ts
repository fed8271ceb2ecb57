/**
 * What each vendor's API refuses a request for, as its documentation, its SDK's types or its error messages say.
 * Lengths are characters. Names of the fleet's tools have at most 64 of `A-Za-z0-9_-` by themselves.
 */
export const VENDOR_LIMITS = {
  openai: {
    /** `[A-Za-z0-9_-]`. */
    toolNameLength: 64,
    /** In one request. */
    tools: 128,
    /** Of a tool; descriptions inside of its schema have no limit. */
    toolDescriptionLength: 1_024,
    /** "Structured Outputs", with `strict: true` only, as are all below. Of all objects of one schema. */
    strictProperties: 5_000,
    /** Levels of objects. */
    strictDepth: 10,
    /** Of all enums of one schema. */
    strictEnumValues: 1_000,
    /** Texts of one enum that has more than 250 values. */
    strictLargeEnumCharacters: 15_000,
    /** Names of properties and definitions, and values of `enum` and `const`, of one schema. */
    strictSchemaCharacters: 120_000,
  },
  anthropic: {
    /** `[A-Za-z0-9_-]`. */
    toolNameLength: 128,
    /** `[A-Za-z0-9_.-]`. */
    propertyNameLength: 64,
  },
  gemini: {
    /** Begins with a letter or `_`; then also digits, dots, colons and dashes. */
    toolNameLength: 128,
    /** In one request. */
    tools: 512,
  },
} as const;

/** From so many values on, the texts of one enum count against `strictLargeEnumCharacters`. */
export const LARGE_ENUM = 250;

export type MediaKind = 'image' | 'audio' | 'video' | 'file';

/** The types of media that each vendor's API takes inside of messages, by kind. */
export const VENDOR_MEDIA = {
  openai: {
    image: ['image/png', 'image/jpeg', 'image/webp', 'image/gif'],
    audio: ['audio/wav', 'audio/mpeg'],
    video: [],
    file: ['application/pdf'],
  },
  anthropic: {
    image: ['image/png', 'image/jpeg', 'image/webp', 'image/gif'],
    audio: [],
    video: [],
    file: ['application/pdf'],
  },
  gemini: {
    image: ['image/png', 'image/jpeg', 'image/webp', 'image/heic', 'image/heif'],
    audio: ['audio/wav', 'audio/mpeg', 'audio/aiff', 'audio/aac', 'audio/ogg', 'audio/flac'],
    video: ['video/mp4', 'video/mpeg', 'video/quicktime', 'video/webm'],
    file: ['application/pdf'],
  },
} as const satisfies Record<string, Record<MediaKind, readonly string[]>>;
