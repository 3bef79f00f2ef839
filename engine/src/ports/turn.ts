/**
 * Turns of the event loop. The core collects what arrives in one turn and handles it together: one append batch, one presence lookup,
 * one packet per node, one write per socket.
 */
export interface Turn {
  /** Runs `task` once, after the input that is ready now was handled (`setImmediate` in Node). Never at once. */
  defer(task: () => void): void
}
