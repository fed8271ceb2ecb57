export { loadConfig } from './config/load.js';
export { type ConfigOptions, parseConfig } from './config/parse.js';
export type { InputValue, RegistryInputValues } from './config/registry/inputs.js';
export {
  type RegistryInput,
  type RegistryOffer,
  type RegistryOptions,
  type RegistrySearch,
  type RegistryServer,
  type ServerFromRegistryOptions,
  searchRegistry,
  serverFromRegistry,
} from './config/registry/registry.js';
export { type WatchConfigOptions, watchConfig } from './config/watch.js';
