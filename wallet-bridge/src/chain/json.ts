/** What JSON can hold. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject
/** An object of JSON; what is undefined is left out. */
export interface JsonObject {
  readonly [name: string]: Json | undefined
}

/** Whether a value of JSON is an object. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
