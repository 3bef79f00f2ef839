import { EvegramError } from '@evegram/protocol'
import cassandra from 'cassandra-driver'
import { describe, expect, it } from 'vitest'
import { mayBeApplied, outcomeOf, writeFailure } from './failures.js'

const { errors, types } = cassandra
const { responseErrorCodes } = types
const socketFailure = (marks: { readonly isSocketError?: boolean; readonly requestNotWritten?: boolean }): Error => Object.assign(new Error('socket'), marks)
const noHost = (...inner: readonly unknown[]): Error => new errors.NoHostAvailableError(Object.fromEntries(inner.map((failure, index) => [`10.0.0.${index}:9042`, failure])))

describe('outcomeOf', () => {
  it.each([
    responseErrorCodes.syntaxError, responseErrorCodes.unauthorized, responseErrorCodes.invalid, responseErrorCodes.configError, responseErrorCodes.badCredentials,
  ])('takes what a coordinator refuses before it writes for refused: %i', (code) => {
    expect(outcomeOf(new errors.ResponseError(code, 'no'))).toBe('refused')
  })

  it.each([
    responseErrorCodes.writeTimeout, responseErrorCodes.writeFailure, responseErrorCodes.unavailableException, responseErrorCodes.overloaded,
    responseErrorCodes.serverError, responseErrorCodes.isBootstrapping, 0x1700,
  ])('takes every other answer for unknown: %i', (code) => {
    expect(outcomeOf(new errors.ResponseError(code, 'perhaps'))).toBe('unknown')
  })

  it('takes a timeout and a connection that broke for unknown', () => {
    expect(outcomeOf(new errors.OperationTimedOutError('late'))).toBe('unknown')
    expect(outcomeOf(socketFailure({ isSocketError: true }))).toBe('unknown')
  })

  it('takes no host for refused only when the request reached none', () => {
    expect(outcomeOf(noHost())).toBe('refused')
    expect(outcomeOf(noHost(new Error('no connection'), new errors.BusyConnectionError('x', 2_048, 1)))).toBe('refused')
    expect(outcomeOf(noHost(socketFailure({ isSocketError: true, requestNotWritten: true })))).toBe('refused')
    expect(outcomeOf(noHost(new Error('no connection'), socketFailure({ isSocketError: true })))).toBe('unknown')
    expect(outcomeOf(noHost(new errors.OperationTimedOutError('late')))).toBe('unknown')
    expect(outcomeOf(noHost(new errors.ResponseError(responseErrorCodes.overloaded, 'busy')))).toBe('unknown')
    // A host that was asked and has not answered yet.
    expect(outcomeOf(noHost(null))).toBe('unknown')
  })
})

describe('mayBeApplied', () => {
  it('is true of everything but what was surely refused', () => {
    expect(mayBeApplied(writeFailure('write', new errors.OperationTimedOutError('late')))).toBe(true)
    expect(mayBeApplied(writeFailure('write', new errors.ResponseError(responseErrorCodes.invalid, 'no')))).toBe(false)
    expect(mayBeApplied(new EvegramError('limited.queue', { details: { outcome: 'refused' } }))).toBe(false)
    expect(mayBeApplied(new Error('anything'))).toBe(true)
  })
})
