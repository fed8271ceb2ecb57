import type { ServerConfig, SettingsFunction } from './server-config.js';

/** The function that gives a server's header fields, or the environment of its process, if there is one. */
export function settingsFunctionOf(config: ServerConfig): SettingsFunction | undefined {
  const settings = 'headers' in config ? config.headers : 'env' in config ? config.env : undefined;
  return typeof settings === 'function' ? settings : undefined;
}
