/** Runs `work` over `items`, at most `limit` at the same time; outcomes in the order of `items`. */
export async function concurrentMap<Item, Outcome>(
  items: readonly Item[],
  limit: number,
  work: (item: Item) => Promise<Outcome>,
): Promise<Outcome[]> {
  const outcomes = new Array<Outcome>(items.length);
  const queue = items.entries();
  const worker = async () => {
    for (const [position, item] of queue) outcomes[position] = await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  return outcomes;
}
