/** How often the network between devices and nodes fails, by kind; each a probability. */
export interface NetworkFaults {
  /** For each connect: refused at once. */
  readonly refused: number
  /** For each connect: nothing answers. */
  readonly hanging: number
  /** For each connect: the link is slow in one direction, as long as this is above 0. */
  readonly slowLink: number
  /** For each message: a packet is lost and sent again, which delays it and what comes behind it. */
  readonly lost: number
  /** For each message: the way stands still for seconds. */
  readonly stalled: number
  /** For each message: the connection is cut and both ends hear so. */
  readonly reset: number
  /** For each message: the connection is cut and one end, or neither, hears so. */
  readonly halfOpen: number
  /** For each connection of a process that dies: the other end does not hear so. */
  readonly silentDeath: number
}

/** A network without faults. */
export const NO_NETWORK_FAULTS: NetworkFaults = {
  refused: 0, hanging: 0, slowLink: 0, lost: 0, stalled: 0, reset: 0, halfOpen: 0, silentDeath: 0,
}
