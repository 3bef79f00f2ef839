/** Systems that can be put under load. */
export const DRIVER_NAMES = ['evegram', 'raw-uws', 'ws'] as const
/** See {@link DRIVER_NAMES}. */
export type DriverName = (typeof DRIVER_NAMES)[number]

/** Whether `text` names a driver. */
export function isDriverName(text: string): text is DriverName {
  return DRIVER_NAMES.some((name) => name === text)
}
