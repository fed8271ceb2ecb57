import { createNoopMeter, type Meter, type MeterProvider, metrics } from '@opentelemetry/api';
import type { Unsubscribe } from '../core/emitter.js';
import type { McpManager } from '../manager/mcp-manager.js';
import { SCOPE } from './attributes.js';
import { measureClient } from './client-metrics.js';
import { eachClient } from './each-client.js';
import { observeFleet } from './fleet-gauges.js';
import { createInstruments, type Instruments } from './instruments.js';

/** Histograms, counters and gauges of a manager's servers. */
export function recordMetrics(manager: McpManager, meter: Meter | undefined): Unsubscribe {
  const metered = new MeteredFleet(manager, meter);
  const stop = eachClient(manager, (client) => measureClient(client, () => metered.instruments));
  return () => {
    stop();
    metered.stop();
  };
}

/**
 * The instruments of the meter there is. The API passes spans on to a provider that is registered later, but not
 * metrics: for those the global provider is looked up each time.
 */
class MeteredFleet {
  readonly #manager: McpManager;
  readonly #givenMeter: Meter | undefined;
  #provider: MeterProvider | undefined;
  #instruments: Instruments | undefined;
  #stop: Unsubscribe = () => {};

  constructor(manager: McpManager, givenMeter: Meter | undefined) {
    this.#manager = manager;
    this.#givenMeter = givenMeter;
    if (givenMeter === undefined) this.#follow(metrics.getMeterProvider());
    else this.#use(givenMeter);
  }

  /** `undefined` where nobody listens. */
  get instruments(): Instruments | undefined {
    if (this.#givenMeter === undefined) this.#follow(metrics.getMeterProvider());
    return this.#instruments;
  }

  stop(): void {
    this.#stop();
  }

  #follow(provider: MeterProvider): void {
    if (provider === this.#provider) return;
    this.#provider = provider;
    this.#use(provider.getMeter(...SCOPE));
  }

  #use(meter: Meter): void {
    this.#stop();
    this.#stop = () => {};
    this.#instruments = undefined;
    if (meter === createNoopMeter()) return;
    this.#instruments = createInstruments(meter);
    this.#stop = observeFleet(this.#manager, meter, this.#instruments);
  }
}
