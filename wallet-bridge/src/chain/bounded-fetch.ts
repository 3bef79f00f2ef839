/** Bytes of an answer: a full block of Solana has a few millions. */
const RESPONSE_BYTES_MAX = 64 * 1_024 * 1_024

/** A request to an endpoint that ends in time, follows no redirection and has an answer that is not too long. Rejects otherwise. */
export async function boundedFetch(input: string, init: RequestInit, timeoutMs: number): Promise<Response> {
  const response = await fetch(input, { ...init, redirect: 'error', signal: AbortSignal.timeout(timeoutMs) })
  const chunks: Uint8Array[] = []
  let bytes = 0
  const reader = response.body?.getReader()
  for (let read = await reader?.read(); read?.value !== undefined; read = await reader?.read()) {
    // The body of an answer gives bytes; the type of the reader leaves that open.
    const part = read.value as Uint8Array
    bytes += part.length
    if (bytes > RESPONSE_BYTES_MAX) throw new Error('the answer is too long')
    chunks.push(part)
  }
  return new Response(Buffer.concat(chunks), { status: response.status, statusText: response.statusText, headers: response.headers })
}
