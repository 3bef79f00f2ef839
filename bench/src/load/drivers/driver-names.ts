/** Systems that can be put under load. */
export const DRIVER_NAMES = [
  'evegram', 'raw-uws', 'ws', 'socket.io', 'socket.io-uws', 'nats', 'ejabberd', 'ejabberd-no-archive', 'centrifugo', 'centrifugo-history', 'tinode',
] as const
/** See {@link DRIVER_NAMES}. */
export type DriverName = (typeof DRIVER_NAMES)[number]
/** A system that is not this product: started for a run, when it is asked for. */
export type PeerName = Exclude<DriverName, 'evegram'>

/** Whether `text` names a driver. */
export function isDriverName(text: string): text is DriverName {
  return DRIVER_NAMES.some((name) => name === text)
}
