const FULL = 100;
const COST_OF_RETRY = 10;
const COST_AFTER_TIMEOUT = 20;
const REFUND_OF_SUCCESS = 1;

/** Keeps an outage from multiplying the load: retries are paid for, and earned by successes. One per server. */
export class RetryBudget {
  #tokens = FULL;

  /** Pays for a retry. `false`: it cannot be afforded. */
  spend(afterTimeout: boolean): boolean {
    const cost = afterTimeout ? COST_AFTER_TIMEOUT : COST_OF_RETRY;
    if (this.#tokens < cost) return false;
    this.#tokens -= cost;
    return true;
  }

  earn(): void {
    this.#tokens = Math.min(FULL, this.#tokens + REFUND_OF_SUCCESS);
  }
}
