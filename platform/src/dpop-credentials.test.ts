import { expect, it } from 'vitest'
import { dpopCredentialsOf } from './dpop-credentials.js'

it('reads a token and a proof, and takes none that is longer than any of ours', () => {
  const [fits, exceeds] = ['a'.repeat(4_096), 'a'.repeat(4_097)]
  expect(dpopCredentialsOf({ authorization: `DPoP ${fits}`, dpop: fits })).toEqual({ token: fits, proof: fits })
  expect(dpopCredentialsOf({ authorization: `DPoP ${fits}`, dpop: exceeds })).toEqual({ token: fits, proof: undefined })
  expect(() => dpopCredentialsOf({ authorization: `DPoP ${exceeds}` })).toThrow(expect.objectContaining({ code: 'auth.token_invalid' }))
  expect(dpopCredentialsOf({ authorization: 'Bearer token', dpop: ['one', 'two'] })).toEqual({ token: undefined, proof: undefined })
})
