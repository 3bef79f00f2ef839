/** This moment, in ms since 1970, by the clock of this device: for showing alone. */
export function now(): number {
  return new Date().getTime()
}
