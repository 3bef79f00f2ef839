import type { ReactElement } from 'react'

/** Drawings of 24 by 24, stroked in the colour of the text. */
const PATHS = {
  back: 'M15 5l-7 7 7 7', send: 'M5 12L4 4.5l16.5 7.5L4 19.5 5 12zm0 0h7', plus: 'M12 5v14M5 12h14', search: 'M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.5 15.5L20 20',
  info: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 11v5.5M12 7.6v.1', check: 'M5 12.5l4.5 4.5L19 7.5', checks: 'M2.5 12.5l4.5 4.5 9-9.5M11.5 16.5l.5.5 9.5-9.5', clock: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5l3 2', warn: 'M12 4l9 16H3L12 4zM12 10v4.5M12 17.4v.1',
  down: 'M6 9l6 6 6-6', lock: 'M7 11V8a5 5 0 0 1 10 0v3M5.5 11h13v9h-13z', device: 'M4 5h16v11H4zM9 20h6M12 16v4', wallet: 'M4 7h15v12H4zM4 7l11-3v3M15 13h4', bell: 'M6 16V11a6 6 0 1 1 12 0v5l1.5 2h-15zM10 20.5h4',
  gear: 'M12 15.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM12 3v2.5M12 18.5V21M3 12h2.5M18.5 12H21M5.6 5.6l1.8 1.8M16.6 16.6l1.8 1.8M5.6 18.4l1.8-1.8M16.6 7.4l1.8-1.8', group: 'M9 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c.4-3.6 3-5.5 6.5-5.5s6.1 1.9 6.500 5.5M15.500 4.800a3.500 3.500 0 0 1 0 6.400M17.500 14.800c2.300.6 3.700 2.300 4 5.200',
  channel: 'M4 10v4h3l9 5V5L7 10H4zM19 9.500a4 4 0 0 1 0 5', person: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.500 20.500c.5-4 3.500-6 7.500-6s7 2 7.500 6', copy: 'M9 9h11v11H9zM5 15H4V4h11v1', close: 'M6 6l12 12M18 6L6 18', wifi: 'M3 9.500a13 13 0 0 1 18 0M6.500 13a8 8 0 0 1 11 0M12 17.600v.1', trash: 'M5 7h14M10 7V4.500h4V7M7 7l1 13h8l1-13',
  reply: 'M10 6L4.500 11.500 10 17M5 11.500h8c4 0 6 2 6.500 6.500', smile: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM8.500 14c1.800 2.600 5.200 2.600 7 0M9 9.500v.1M15 9.500v.1', edit: 'M4 20l1-4.500L16 4.500l3.500 3.500L8.500 19 4 20z', clip: 'M19 11.500l-7.500 7.500a4.500 4.500 0 0 1-6.500-6.500l8-8a3 3 0 0 1 4.500 4.500l-8 8a1.500 1.500 0 0 1-2.200-2.200l7.200-7.200', file: 'M6 3h8l4 4v14H6zM14 3v4h4', block: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM5.800 5.800l12.400 12.400',
  pin: 'M9 4h6l-1 6 3 3v2H7v-2l3-3-1-6zM12 15v5', mute: 'M6 16v-5a6 6 0 0 1 9-5.200M18 11v5l1.500 2h-13M10 20.500h4M4 4l16 16', archive: 'M4 5h16v4H4zM5.500 9v10h13V9M10 13h4', forward: 'M14 6l5.500 5.500L14 17M18.500 11.500h-8c-4 0-6 2-6.500 6.500', play: 'M8 5l11 7-11 7V5z', eye: 'M2.500 12c2-4 5.500-6.500 9.500-6.500s7.500 2.500 9.500 6.500c-2 4-5.500 6.500-9.500 6.500S4.500 16 2.500 12zM12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6z',
  down_to: 'M12 4v12M6.500 11L12 16.500 17.500 11M5 20h14', up_from: 'M12 16.500V4.500M6.500 10L12 4.500 17.500 10M5 20h14', shield: 'M12 3l8 3v6c0 5-3.500 8-8 9-4.500-1-8-4-8-9V6l8-3zM8.500 12l2.500 2.500 4.500-5',
} as const

/** Names of drawings. */
export type IconName = keyof typeof PATHS

/** A drawing that says nothing by itself: what it means stands in the label of what it is in. */
export function Icon({ name }: { readonly name: IconName }): ReactElement {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} fill="none" stroke="currentColor" strokeWidth="1.8" strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  )
}
