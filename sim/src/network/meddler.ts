/**
 * A malicious server between the ends of every connection. Each message of one end is handed to it, and what it returns goes on instead: the
 * same, nothing, others, several. `device` is the machine of the client. What the node sent and received is observed on the node's side of it.
 */
export interface Meddler {
  toClient(device: string, bytes: Uint8Array): readonly Uint8Array[]
  toServer(device: string, bytes: Uint8Array): readonly Uint8Array[]
}
