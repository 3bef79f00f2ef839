import { comparePositions, type Position } from '@evegram/protocol'

/** Something that lies at a position. */
export interface Positioned {
  readonly position: Position
}

/** Puts `copy` into a log that is in position order, behind what lies at the same position. What is newest is found first. */
export function insertByPosition<Copy extends Positioned>(log: Copy[], copy: Copy): void {
  let index = log.length
  for (let before = log[index - 1]; before !== undefined && comparePositions(before.position, copy.position) > 0; before = log[index - 1]) index--
  log.splice(index, 0, copy)
}

/** Index of the first copy behind `after` in a log that is in position order; the length of the log when there is none. */
export function indexAfter(log: readonly Positioned[], after: Position): number {
  let [low, high] = [0, log.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    const copy = log[middle]
    if (copy !== undefined && comparePositions(copy.position, after) <= 0) low = middle + 1
    else high = middle
  }
  return low
}
