/** Where the library writes what it notices. Never receives tokens, secrets or tool arguments. */
export interface Logger {
  debug(message: string, fields?: object): void;
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
  error(message: string, fields?: object): void;
}

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

const SILENT: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** `logger` made safe to call: one that throws or rejects harms nobody. Without one: silence. */
export function isolatedLogger(logger: Logger | undefined): Logger {
  if (logger === undefined) return SILENT;
  const write = (level: (typeof LEVELS)[number], message: string, fields?: object) => {
    try {
      const returned: unknown = logger[level](message, fields);
      if (returned instanceof Promise) returned.catch(() => {});
    } catch {
      // A logger that fails has nowhere to say so.
    }
  };
  return {
    debug: (message, fields) => write('debug', message, fields),
    info: (message, fields) => write('info', message, fields),
    warn: (message, fields) => write('warn', message, fields),
    error: (message, fields) => write('error', message, fields),
  };
}
