import type { Buffer } from 'node:buffer'
/** One frame of the native protocol on stream 0. */
export function frame(opcode: number, body: Buffer): Buffer
/** The body of a QUERY. */
export function queryBody(cql: string, consistency: number): Buffer
/** The rows of a RESULT body, cells as one character a byte. */
export function rowsOf(body: Buffer): (string | undefined)[][]
/** Numbers of consistency levels on the wire. */
export const CONSISTENCY: { readonly one: number, readonly all: number }
/** Asks a node one query after another. */
export function askCassandra(
  node: { readonly host: string, readonly port: number }, queries: readonly { readonly cql: string, readonly consistency: number }[], timeoutMs: number,
): Promise<(string | undefined)[][][]>
