/** Whether another site shows this page in a frame: what can be taken by a click must not be there. */
export function isFramed(): boolean {
  return globalThis.self !== globalThis.top
}
