import { keep, readKept } from '../kept.js'

const keyOf = (profile: string): string => `evegram.device.${profile}`

/** Whether this browser has a device of the profile: told without loading what opens it. */
export function isKnownProfile(profile: string): boolean {
  return readKept(keyOf(profile)) !== undefined
}

/** Notes that the profile has a device here, or has none any more. */
export function noteProfile(profile: string, isKnown: boolean): void {
  keep(keyOf(profile), isKnown ? '1' : undefined)
}
