/** Whether a client connects again after a close, and when. */
export type CloseAdvice = 'reconnect' | 'reconnect_later' | 'refresh_token' | 'stop'

/** Why the server closed a socket. Every code says whether to reconnect or to stop, and what a person should know. */
export const CLOSE_CODES = {
  protocolError: { code: 4000, advice: 'stop', text: 'The client sent bytes that are not the protocol: update it.' },
  helloTimeout: { code: 4001, advice: 'reconnect', text: 'No hello arrived in time.' },
  helloRefused: { code: 4002, advice: 'refresh_token', text: 'The hello did not prove the device: refresh the session and connect again.' },
  tokenExpired: { code: 4003, advice: 'refresh_token', text: 'The access token ran out: refresh it and connect again.' },
  revoked: { code: 4004, advice: 'stop', text: 'The device was revoked: sign in again as a new device.' },
  replaced: { code: 4005, advice: 'stop', text: 'A newer connection of the same device took over.' },
  slowConsumer: { code: 4006, advice: 'reconnect', text: 'The client read too slowly: connect again and resume.' },
  rateLimited: { code: 4007, advice: 'reconnect_later', text: 'Far too much was sent: wait before connecting again.' },
  tooLarge: { code: 4008, advice: 'stop', text: 'A frame was larger than the limit: split the message.' },
  draining: { code: 4009, advice: 'reconnect', text: 'The server restarts: connect again.' },
  overloaded: { code: 4010, advice: 'reconnect_later', text: 'The server is full: wait before connecting again.' },
  idle: { code: 4011, advice: 'reconnect', text: 'Nothing was heard for too long: connect again and resume.' },
  incompatible: { code: 4012, advice: 'stop', text: 'Client and server share no protocol version: update one of them.' },
  internal: { code: 4013, advice: 'reconnect_later', text: 'A fault in the server: connect again and resume.' },
  accountClosed: { code: 4014, advice: 'stop', text: 'The account was closed by its owner.' },
} as const satisfies Record<string, { readonly code: number; readonly advice: CloseAdvice; readonly text: string }>

/** Name of a close code. */
export type CloseReason = keyof typeof CLOSE_CODES

/** What to do after a socket closed with `code`; codes that are not ours (network loss among them) mean `reconnect`. */
export function closeAdvice(code: number): CloseAdvice {
  for (const known of Object.values(CLOSE_CODES)) if (known.code === code) return known.advice
  return 'reconnect'
}
