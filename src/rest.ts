export { toNodeListener } from './rest/node-listener.js';
export type { RestAction, RestHandlerOptions } from './rest/options.js';
export { createRestHandler } from './rest/rest-handler.js';
