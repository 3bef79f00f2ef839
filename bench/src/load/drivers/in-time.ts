const ANSWER_MS = 20_000

/** What `work` resolves with; rejects when that takes longer than a peer may take to answer. `what` is the end of the sentence that says so. */
export async function inTime<T>(what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  try {
    return await Promise.race([work, new Promise<never>((_resolve, reject) => { timer = setTimeout(() => reject(new Error(`the peer did not ${what} in time`)), ANSWER_MS) })])
  } finally {
    clearTimeout(timer)
  }
}
