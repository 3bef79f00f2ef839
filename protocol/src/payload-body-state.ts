import type { PayloadBodyCodec } from './payload-body-codec.js'
import { readRegister, registerValue, STATE_LIMITS, type StateRegister } from './state-register.js'

/** What own devices tell each other of their state. */
export interface StateBody {
  readonly registers: readonly StateRegister[]
  /** 16 random bytes: the sender asks for everything that the others have. */
  readonly ask?: Uint8Array
  /** The registers answer this request, and whether they are the last that do. */
  readonly answer?: { readonly ask: Uint8Array; readonly last: boolean }
}

/** Random bytes that name a request. */
const ASK_BYTES = 16

/** Body of `state`. Throws `invalid.payload`; also for a key that comes twice. */
export const stateBody: PayloadBodyCodec<StateBody> = {
  fields: ({ registers, ask, answer }) => ({
    registers: registers.map(registerValue), ...(ask === undefined ? {} : { ask }), ...(answer === undefined ? {} : { answers: answer.ask, last: answer.last }),
  }),
  read: (fields) => {
    const registers = fields.list('registers', STATE_LIMITS.registersMax).map(readRegister)
    if (new Set(registers.map(({ key }) => key)).size !== registers.length) fields.fail('registers: each key once')
    if (fields.has('answers') !== fields.has('last')) fields.fail('answers with last, or neither')
    return {
      registers, ...(fields.has('ask') ? { ask: fields.bytes('ask', ASK_BYTES) } : {}),
      ...(fields.has('answers') ? { answer: { ask: fields.bytes('answers', ASK_BYTES), last: fields.boolean('last') } } : {}),
    }
  },
}
