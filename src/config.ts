export { loadConfig } from './config/load.js';
export { type ConfigOptions, parseConfig } from './config/parse.js';
export { type WatchConfigOptions, watchConfig } from './config/watch.js';
