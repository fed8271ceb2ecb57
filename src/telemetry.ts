export { instrument } from './telemetry/instrument.js';
