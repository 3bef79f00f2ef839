import { setFlagsFromString } from 'node:v8'

/**
 * Lets the collector find what lived for a moment where it is cheap to find. V8 watches which places of the program make objects that survive, and lets them
 * make old ones from then on. A server decides that while it starts and warms up, when the young generation is small and everything survives it: later every
 * message is old garbage, and the collections of old garbage stop the program for 50 to 100 ms each (docs/speed.md has figures).
 *
 * Call it first in a program that handles many short-lived objects. V8 alone hears of it; there is nothing to undo.
 */
export function keepObjectsYoung(): void {
  setFlagsFromString('--no-allocation-site-pretenuring')
}
