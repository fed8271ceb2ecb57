declare const __VERSION__: string;

/** Version of this package; put in at build time. */
export const VERSION = __VERSION__;
