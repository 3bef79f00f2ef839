/** Questions to an endpoint at a time. */
const AT_A_TIME = 8

/** Asks for each of `items`, eight at a time; the answers in the order of the items. Rejects with the first failure. */
export async function inBatches<Item, Answer>(items: readonly Item[], ask: (item: Item) => Promise<Answer>): Promise<readonly Answer[]> {
  const answers: Answer[] = []
  for (let start = 0; start < items.length; start += AT_A_TIME) answers.push(...await Promise.all(items.slice(start, start + AT_A_TIME).map(ask)))
  return answers
}
