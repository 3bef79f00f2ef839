import { FRAME_TYPE, type FrameType } from '@evegram/protocol'

/** What a session goes through; docs/protocol.md prints this table from the same constant that the code runs. */
export const SESSION_TRANSITIONS = [
  { from: 'connected', event: 'hello_accepted', to: 'authenticated' },
  { from: 'authenticated', event: 'catch_up_begun', to: 'catching_up' },
  { from: 'catching_up', event: 'catch_up_begun', to: 'catching_up' },
  { from: 'live', event: 'catch_up_begun', to: 'catching_up' },
  { from: 'catching_up', event: 'caught_up', to: 'live' },
  { from: 'connected', event: 'socket_closed', to: 'closed' },
  { from: 'authenticated', event: 'socket_closed', to: 'closed' },
  { from: 'catching_up', event: 'socket_closed', to: 'closed' },
  { from: 'live', event: 'socket_closed', to: 'closed' },
] as const

/** State of a session. */
export type SessionState = (typeof SESSION_TRANSITIONS)[number]['from' | 'to']
/** What moves a session on. */
export type SessionEvent = (typeof SESSION_TRANSITIONS)[number]['event']

const REQUESTS: ReadonlySet<FrameType> = new Set([
  FRAME_TYPE.send, FRAME_TYPE.open, FRAME_TYPE.read, FRAME_TYPE.catchUp, FRAME_TYPE.deviceAck, FRAME_TYPE.ping, FRAME_TYPE.changeGroup,
  FRAME_TYPE.readGroup, FRAME_TYPE.post, FRAME_TYPE.follow, FRAME_TYPE.unfollow, FRAME_TYPE.readChannel, FRAME_TYPE.signal, FRAME_TYPE.listen,
])

/** Which frames a client may send in each state; any other closes the socket. */
export const ACCEPTED_FRAMES: Readonly<Record<SessionState, ReadonlySet<FrameType>>> = {
  connected: new Set([FRAME_TYPE.hello]),
  authenticated: REQUESTS,
  catching_up: REQUESTS,
  live: REQUESTS,
  closed: new Set(),
}

/** The state after `event`, or undefined when the table has no such transition. */
export function nextState(from: SessionState, event: SessionEvent): SessionState | undefined {
  return SESSION_TRANSITIONS.find((transition) => transition.from === from && transition.event === event)?.to
}
