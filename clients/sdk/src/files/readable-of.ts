/** A stream of what an iteration gives, read no further than it is asked for. `begin` is called at the first read; a reader that goes away ends the iteration. */
export function readableOf(begin: () => Promise<AsyncIterator<Uint8Array>>): ReadableStream<Uint8Array> {
  let content: AsyncIterator<Uint8Array> | undefined
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      content ??= await begin()
      const next = await content.next()
      if (next.done === true) controller.close()
      else controller.enqueue(next.value)
    },
    async cancel() { await content?.return?.() },
  }, { highWaterMark: 0 })
}
